"""The one exception that users see, and the search for what they meant."""

from collections.abc import Iterable
from difflib import get_close_matches


class StudyError(Exception):
    """Bad input, told in one sentence: which file, which key, what is allowed."""


def nearest(word: str, allowed: Iterable[str]) -> str:
    """Return ``" (did you mean 'x'?)"`` for the nearest of `allowed`, or ``""``."""
    match = get_close_matches(word, list(allowed), n=1, cutoff=0.5)
    return f" (did you mean '{match[0]}'?)" if match else ""
