"""Writes what the schema knows into the folder config/: schema.json and the table of keys.

``python -m ptychobasis.study.key_reference`` writes both anew; with ``--check`` it only tells
whether they are up to date.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from ptychobasis.study.explain import fields_of, in_words, shown
from ptychobasis.study.schema import Study

BEGIN = "<!-- keys: written by python -m ptychobasis.study.key_reference -->"
END = "<!-- end of keys -->"
# what a file says about other files, beside the keys of the study
LAYERS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    (
        "extends",
        "The file that this one is laid over where it comes first; its path starts here.",
        {"type": "string"},
    ),
    (
        "replaces",
        "Blocks that are taken from this file alone, such as [sweeps].",
        {"type": "array", "items": {"enum": list(Study.model_fields)}},
    ),
)


def schema() -> str:
    """JSON schema of a configuration, which editors complete and check keys with."""
    tree = Study.model_json_schema()
    _allow_null(tree["properties"]["sweeps"])
    _allow_null(tree["$defs"]["FrozenPhonons"]["properties"]["sigma_angstrom"])
    for block in (tree, *tree["$defs"].values()):
        block.pop("required", None)  # an overlay holds a part, and snakemake tells what is missing
    tree["properties"] |= {key: {"description": text} | kind for key, text, kind in LAYERS}
    return json.dumps(tree, indent=2, ensure_ascii=False) + "\n"


def table() -> str:
    """Every key with its type, default and meaning, as Markdown tables by block."""
    return "\n\n".join(_tables("", Study, set()))


def stale(folder: Path) -> dict[Path, str]:
    """Files in `folder` that no longer say what the schema says, with what they should hold."""
    readme = folder / "README.md"
    text = readme.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    tail = rest.partition(END)[2]
    wanted = {
        folder / "schema.json": schema(),
        readme: f"{head}{BEGIN}\n\n{table()}\n\n{END}{tail}",
    }
    return {
        path: text
        for path, text in wanted.items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    }


def main() -> int:
    """Write the files anew, or with ``--check`` return 1 when they are stale."""
    parser = argparse.ArgumentParser(
        prog="python -m ptychobasis.study.key_reference", description=__doc__
    )
    parser.add_argument("folder", nargs="?", type=Path, default=Path("config"))
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when stale")
    arguments = parser.parse_args()
    for path, text in (found := stale(arguments.folder)).items():
        print(f"{path} {'is stale' if arguments.check else 'written'}")
        if not arguments.check:
            path.write_text(text, encoding="utf-8")
    return int(arguments.check and bool(found))


def _allow_null(mapping: dict[str, Any]) -> None:
    """Entries of a mapping of any names may be null: an overlay drops them so."""
    entries = mapping.get("patternProperties") or {"": mapping["additionalProperties"]}
    (name, entry), *_ = entries.items()
    nullable = {"anyOf": [entry, {"type": "null"}]}
    if name:
        mapping["patternProperties"] = {name: nullable}
    else:
        mapping["additionalProperties"] = nullable


def _tables(prefix: str, model: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[str]:
    """The table of a block, then those of the blocks within; each block is told once."""
    properties = model.model_json_schema()["properties"]
    lines, inner = [], []
    for name, field in model.model_fields.items():
        found, kind, path = fields_of(field.annotation), "block", f"{prefix}{name}."
        if isinstance(found, dict) and (entry := fields_of(found["*"])):
            found, kind, path = entry, "blocks by name", f"{path}*."
        if isinstance(found, type):
            inner.append((path, found))
        else:
            kind = in_words(properties[name])
        default = "required" if field.is_required() else _default(field.default)
        lines.append(f"| `{name}` | {kind} | {default} | {field.description} |")
    title = f"`{prefix.removesuffix('.')}`" if prefix else "Top level"
    head = "| key | type | default | meaning |\n|---|---|---|---|"
    yield f"### {title}\n\n{model.__doc__}\n\n{head}\n" + "\n".join(lines)
    fresh = [(path, block) for path, block in inner if block not in seen]
    seen |= {block for _, block in fresh}
    for path, block in fresh:
        yield from _tables(path, block, seen)


def _default(value: Any) -> str:
    if isinstance(value, BaseModel):
        return "its defaults"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return f"`{shown(value)}`"


if __name__ == "__main__":
    raise SystemExit(main())
