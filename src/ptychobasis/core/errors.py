"""The one exception that users see, and the search for what they meant."""

import re
from collections.abc import Iterable
from difflib import get_close_matches


class StudyError(Exception):
    """Bad input, told in one sentence: which file, which key, what is allowed.

    Line breaks, control characters and halves of characters, which a message takes over from an
    input, are written as Python writes them; words that are longer than any path are cut.
    """

    def __init__(self, message: str) -> None:
        plain = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in message)
        super().__init__(re.sub(r"(\S{300})\S+", r"\1...", plain))


def nearest(word: str, allowed: Iterable[str]) -> str:
    """Return ``" (did you mean 'x'?)"`` for the nearest of `allowed`, or ``""``."""
    match = get_close_matches(word, list(allowed), n=1, cutoff=0.5)
    return f" (did you mean '{match[0]}'?)" if match else ""
