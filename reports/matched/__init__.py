"""Matched pairs: variants that differ in one thing, and the questions that they answer."""

from .pairs import PAIRS
from .questions import QUESTIONS, Pair, Question

__all__ = ["PAIRS", "QUESTIONS", "Pair", "Question"]
