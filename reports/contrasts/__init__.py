"""What a suite was asked, all else equal: matched pairs by question, on each data set, by kind and across.

The effect of a question on a data set is the mean over its pairs' differences, the same pairs on every data set.
A pair of one function under two names cannot tell of its axis: it is shown, and left out of the mean.
"""

from .answers import ONE_FUNCTION, Answer, answer, listing
from .frames import ADJUSTED, EXPLORATORY, effects, family, pair_groups, question_groups, questions
from .placement import kinds, placed, why_not

__all__ = [
    "ADJUSTED",
    "EXPLORATORY",
    "ONE_FUNCTION",
    "Answer",
    "answer",
    "effects",
    "family",
    "kinds",
    "listing",
    "pair_groups",
    "placed",
    "question_groups",
    "questions",
    "why_not",
]
