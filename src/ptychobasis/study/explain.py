"""From what pydantic says to one sentence for the user."""

import json
import re
import types
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ptychobasis.core.errors import nearest

Location = tuple[int | str, ...]

# what is allowed where pydantic reports an error of this type, with the error's context
_ALLOWED = {
    "literal_error": "{expected}",
    "bool_type": "true or false",
    "string_type": "text",
    "string_pattern_mismatch": "text that matches {pattern}",
    "string_too_long": "up to {max_length} characters",
    "path_type": "the path of a file",
    "tuple_type": "a list such as [1, 2]",
    "too_long": "{max_length} values",
    "too_short": "{min_length} or more entries",
    "dict_type": "keys with their values",
    "model_type": "keys with their values",
}


def explain(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """One clause per problem: dotted key, what is allowed, the nearest match."""
    problems: dict[Location, str] = {}
    for details in error.errors(include_url=False):
        location, node = _find(details["loc"], model)
        # of a value that may be of several types, the first error holds the whole of it
        problems.setdefault(location, _clause(details, location, node, model))
    return list(problems.values())


def shown(value: Any) -> str:
    """A value as a user wrote it, on one line and not longer than 40 characters."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 40 else f"{text[:37]}..."


def fields_of(annotation: Any) -> dict[str, Any] | type[BaseModel] | None:
    """The model that an annotation holds, ``{"*": type}`` for a mapping of any names, or None."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is dict:
        return {"*": arguments[1]}
    if origin is Annotated:
        return fields_of(arguments[0])
    if origin in (Union, types.UnionType):
        return next((found for entry in arguments if (found := fields_of(entry))), None)
    return None


def in_words(node: dict[str, Any]) -> str:
    """A type of the JSON schema, such as 'whole number from 1 to 10'."""
    match node:
        case {"anyOf": options}:
            text = " or ".join(in_words(option) for option in options)
        case {"enum": options}:
            text = ", ".join(f"`{option}`" for option in options)
        case {"const": option}:
            text = f"`{option}`"
        case {"prefixItems": members}:
            each = [in_words(member) for member in members]
            alike = f"{len(each)} {_several(each[0])}"
            text = alike if len(set(each)) == 1 else f"[{', '.join(each)}]"
        case {"type": "array", "items": entry}:
            text = f"list of {_several(in_words(entry))}"
        case {"type": "object", "additionalProperties": entry}:
            text = f"names with {in_words(entry)}"
        case {"format": "path"}:
            text = "path"
        case _:
            words = {"integer": "whole number", "boolean": "true or false", "string": "text"}
            text = words.get(node["type"], node["type"]) + _limits(node)
    return text


def _several(words: str) -> str:
    return re.sub(r"^(whole )?number", r"\g<0>s", words)


def _limits(node: dict[str, Any]) -> str:
    low, high = node.get("minimum"), node.get("maximum")
    if low is not None and high is not None:
        return f" from {_plain(low)} to {_plain(high)}"
    signs = {"exclusiveMinimum": "more than", "minimum": "at least"}
    signs |= {"exclusiveMaximum": "less than", "maximum": "up to"}
    limits = [f"{sign} {_plain(node[key])}" for key, sign in signs.items() if key in node]
    return f" {' and '.join(limits)}" if limits else ""


def _plain(number: float) -> str:
    """A number without an exponent, where it is a whole one."""
    return f"{number:.0f}" if number == int(number) and number < 1e10 else f"{number:g}"


def _clause(
    details: ErrorDetails, location: Location, node: dict[str, Any], model: type[BaseModel]
) -> str:
    kind, key = details["type"], _dotted(location)
    if kind == "extra_forbidden":
        allowed = list(_enclosing(location[:-1], model).model_fields)
        near = nearest(str(location[-1]), allowed)
        return f"{key} is not a key; allowed: {', '.join(allowed)}{near}"
    if kind == "missing" and isinstance(location[-1], int):
        return f"{_dotted(location[:-1])} has too few values; allowed: one more"
    description = _description(location, model)
    if kind == "missing":
        return f"{key} is missing; allowed: {description[:1].lower()}{description[1:].rstrip('.')}"
    counts = {"too_long": " has too many entries", "too_short": " has too few entries"}
    key += counts.get(kind, f" is {shown(details['input'])}")
    context: dict[str, Any] = details.get("ctx", {})
    if "anyOf" in node or node.get("type") in ("number", "integer"):
        unit = re.search(r"\[([^\], ]+)\]", description)
        words = in_words(node).replace("`", "'")
        allowed_text = ("" if "anyOf" in node else "a ") + words + (f" {unit[1]}" if unit else "")
    elif kind in _ALLOWED:
        allowed_text = _ALLOWED[kind].format(**context)
    else:
        allowed_text = details["msg"]
    options = re.findall(r"'([^']*)'", context.get("expected", "")) if context else []
    return f"{key}; allowed: {allowed_text}{nearest(str(details['input']), options)}"


def _dotted(location: Location) -> str:
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part != "[key]":
            text += f".{part}" if text else part
    return text


@cache
def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema()


def _find(location: Location, model: type[BaseModel]) -> tuple[Location, dict[str, Any]]:
    """The node of the JSON schema at a location, up to a value that may be of several types."""
    tree = _schema(model)
    node = _one(tree, tree)
    for i, part in enumerate(location):
        if "anyOf" in node:
            return location[:i], node
        names = node.get("patternProperties", {})
        if isinstance(part, int):
            members = node.get("prefixItems", [])
            found = members[part] if part < len(members) else node.get("items", {})
        else:
            anything = next(iter(names.values()), node.get("additionalProperties"))
            found = node.get("properties", {}).get(part, anything)
        node = _one(found if isinstance(found, dict) else {}, tree)
    return location, node


def _one(node: dict[str, Any], tree: dict[str, Any]) -> dict[str, Any]:
    """The schema that a node stands for: its reference, or its only option beside null."""
    if "$ref" in node:
        return _one(tree["$defs"][node["$ref"].rpartition("/")[2]], tree)
    options = [option for option in node.get("anyOf", []) if option.get("type") != "null"]
    return _one(options[0], tree) if len(options) == 1 else node


def _enclosing(location: Location, model: type[BaseModel]) -> Any:
    """The model or mapping at a location of the schema."""
    found: Any = model
    for part in location:
        if isinstance(found, dict):
            found = fields_of(found["*"])
        elif found is not None and part in found.model_fields:
            found = fields_of(found.model_fields[part].annotation)
    return found


def _description(location: Location, model: type[BaseModel]) -> str:
    """Meaning of the key at a location; an entry of a list or mapping has that of the key."""
    for end in range(len(location), 0, -1):
        fields = getattr(_enclosing(location[: end - 1], model), "model_fields", {})
        if location[end - 1] in fields:
            return fields[location[end - 1]].description or ""
    return ""
