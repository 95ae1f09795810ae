"""The base of all keys of a configuration: types with limits, and a closed block of keys."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

# Limits of physics and of instruments, wide enough for every microscope and sample that there is.
# Each is told together with the unit of the key, which stands in brackets in its description.
Count = Annotated[int, Field(ge=1, le=10_000)]
Batch = Annotated[int, Field(ge=1, le=4096)]
Pixels = Annotated[int, Field(ge=8, le=4096)]  # along one side of a detector
Length = Annotated[float, Field(ge=1, le=2000)]  # of a window or a block of crystal
Depth = Annotated[float, Field(ge=0, le=5000)]  # below the surface; thicker is no electron's way
Defocus = Annotated[float, Field(ge=-1e5, le=1e5)]
Dose = Annotated[float, Field(ge=0.01, le=1e9)]
Frequency = Annotated[float, Field(gt=0, le=20)]  # 1/20 Å is finer than the core of any atom
Lengths = tuple[Length, Length]
Side = tuple[Pixels, Pixels]
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
