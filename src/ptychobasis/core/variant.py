"""The identity of a reconstruction within a study: its sweep and its size."""

from collections.abc import Iterable
from typing import NamedTuple

from ptychobasis.core.errors import StudyError, nearest


class Variant(NamedTuple):
    """One sweep at one size, written ``zernike/36``.

    Attributes:
        sweep: Name of the sweep.
        size: One of its sizes; ``all`` for a basis that has none.
    """

    sweep: str
    size: str

    def __str__(self) -> str:
        return f"{self.sweep}/{self.size}"

    @classmethod
    def parse(
        cls, text: str, allowed: Iterable["Variant"] | None = None, key: str = "the variant"
    ) -> "Variant":
        """Read ``sweep/size``.

        Args:
            text: Such as ``zernike/36``.
            allowed: The variants that there are; None takes any.
            key: What an error calls the text.

        Raises:
            StudyError: The text is no variant, or none of those allowed.
        """
        parts = text.split("/")
        found = cls(*parts) if len(parts) == 2 and all(parts) else None
        if allowed is None and found is not None:
            return found
        known = [str(each) for each in allowed or ()]
        if found is None or text not in known:
            raise StudyError(
                f"{key} is '{text}'; allowed: {', '.join(known) or 'sweep/size'}"
                f"{nearest(text, known)}"
            )
        return found
