"""The base of all keys of a configuration: types with limits, and a closed block of keys."""

from typing import Annotated, Literal

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
