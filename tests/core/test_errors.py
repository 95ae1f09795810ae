"""What users see is one sentence on one line, whatever an input holds."""

import pytest

from ptychobasis.core.errors import StudyError


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        ("a.h5: is empty", "a.h5: is empty"),
        ("a\nb\x00c\ud800d", r"a\nb\x00c\ud800d"),
        ("σ of Å", "σ of Å"),
        (f"is '{'x' * 5000}'; allowed: 1", f"is '{'x' * 299}... allowed: 1"),
        ("/" + "y" * 290, "/" + "y" * 290),
    ],
)
def test_one_sentence(message: str, sentence: str) -> None:
    assert str(StudyError(message)) == sentence
