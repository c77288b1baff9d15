"""The memo's open questions, answered from a run's records: a page in two languages with figures."""

from .answers import Answer, Judged, answers, code
from .questions import MEMO, Part, Question
from .write import write

__all__ = ["MEMO", "Answer", "Judged", "Part", "Question", "answers", "code", "write"]
