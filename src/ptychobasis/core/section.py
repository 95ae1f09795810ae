"""The base of all keys of a configuration: types with limits, and a closed block of keys."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Lengths = tuple[Positive, Positive]
Counts = tuple[Count, Count]
Device = Literal["auto", "cpu", "cuda"]


class Section(BaseModel):
    """A block of keys: closed, frozen, without silent conversions."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> Self:
        """Make the block of plain values, such as the parameters of a rule.

        Raises:
            pydantic.ValidationError: the values are no such block.
        """
        return cls.model_validate_json(json.dumps(values))
