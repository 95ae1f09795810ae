"""Pages from templates: self-contained HTML, with all text escaped."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from ptychobasis.data.atomic import atomic

_TEMPLATES = Environment(
    loader=PackageLoader("ptychobasis.report"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True)
class TextTable:
    """A table as it is shown.

    Attributes:
        headers: Of the columns.
        rows: Cells of each row.
        left: Whether the text of all columns starts at the left.
    """

    headers: list[str]
    rows: list[list[str]]
    left: bool = False


def text_table(
    table: pd.DataFrame,
    digits: str = ".3f",
    formats: Mapping[str, Callable[[Any], str]] | None = None,
    left: bool = False,
) -> TextTable:
    """Write the cells of a table as text; what is missing is ``-``.

    Args:
        table: With headers for people.
        digits: Format of numbers with a fraction.
        formats: Other formats, by column.
        left: Whether the text of all columns starts at the left.
    """

    def cell(value: Any, form: Callable[[Any], str] | None) -> str:
        if not isinstance(value, str) and pd.isna(value):
            return "-"
        if form is not None:
            return form(value)
        return format(value, digits) if isinstance(value, float) else str(value)

    forms = [(formats or {}).get(name) for name in table.columns]
    rows = [
        [cell(value, form) for value, form in zip(row, forms, strict=True)]
        for row in table.itertuples(index=False, name=None)
    ]
    return TextTable([str(name) for name in table.columns], rows, left)


def write_page(path: str | Path, template: str, title: str, **content: Any) -> None:
    """Fill a template.

    Args:
        path: Path of the page.
        template: Name of the template, without its suffix.
        title: Title of the page.
        content: What the template asks for.
    """
    text = _TEMPLATES.get_template(f"{template}.html").render(title=title, **content)
    with atomic(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
