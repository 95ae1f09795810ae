"""From YAML to plain data, and from what pydantic says to one sentence for the user."""

import json
import re
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ptychobasis.core.errors import StudyError, nearest

# what is allowed where pydantic reports an error of this type, with the error's context
_ALLOWED = {
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "{ge:g} or more",
    "less_than_equal": "{le:g} or less",
    "literal_error": "{expected}",
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "text",
    "string_pattern_mismatch": "text that matches {pattern}",
    "path_type": "the path of a file",
    "tuple_type": "a list such as [1, 2]",
    "too_long": "{max_length} values",
    "too_short": "{min_length} or more entries",
    "dict_type": "keys with their values",
    "model_type": "keys with their values",
}


def read(path: Path) -> Mapping[str, Any]:
    """Read a YAML file that holds a mapping.

    Raises:
        StudyError: the file is missing, no YAML or no mapping.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        near = nearest(path.name, (other.name for other in path.parent.glob("*.y*ml")))
        raise StudyError(f"{path}: cannot be read; allowed: a YAML file{near}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise StudyError(f"{path}: is not YAML ({reason}); allowed: a YAML file") from error
    if not isinstance(raw, Mapping):
        raise StudyError(f"{path}: holds no keys; allowed: keys with their values")
    return raw


def prepare(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Plain data with numbers as in YAML 1.2 (1e5), free of what an overlay set to null.

    Only entries with names of the user's choice are dropped: sweeps, and elements of
    ``simulation.frozen_phonons.sigma_angstrom``. Elsewhere null is a value.
    """
    plain: dict[str, Any] = _numbers(raw)
    match plain:
        case {"sweeps": dict() as sweeps}:
            plain["sweeps"] = _without_null(sweeps)
    match plain:
        case {"simulation": {"frozen_phonons": {"sigma_angstrom": dict() as sigma} as phonons}}:
            phonons["sigma_angstrom"] = _without_null(sigma)
    return plain


def explain(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """One clause per problem: dotted key, what is allowed, the nearest match."""
    return [_clause(details, model) for details in error.errors(include_url=False)]


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


def _without_null(entries: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entries.items() if value is not None}


def _numbers(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _numbers(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_numbers(entry) for entry in value]
    if isinstance(value, str) and re.fullmatch(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+", value):
        return float(value)
    return value


def _clause(details: ErrorDetails, model: type[BaseModel]) -> str:
    location, kind, value = details["loc"], details["type"], details["input"]
    key = _dotted(location)
    if kind == "extra_forbidden":
        allowed = _keys(location[:-1], model)
        near = nearest(str(location[-1]), allowed)
        return f"{key} is not a key; allowed: {', '.join(allowed)}{near}"
    if kind == "missing" and isinstance(location[-1], int):
        return f"{_dotted(location[:-1])} has too few values; allowed: one more"
    if kind == "missing":
        return f"{key} is missing; allowed: {_description(location, model)}"
    counts = {"too_long": " has too many entries", "too_short": " has too few entries"}
    key += counts.get(kind, f" is {shown(value)}")
    context: dict[str, Any] = details.get("ctx", {})
    allowed_text = _ALLOWED[kind].format(**context) if kind in _ALLOWED else details["msg"]
    options = re.findall(r"'([^']*)'", context.get("expected", "")) if context else []
    return f"{key}; allowed: {allowed_text}{nearest(str(value), options)}"


def _dotted(location: tuple[int | str, ...]) -> str:
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part != "[key]":
            text += f".{part}" if text else part
    return text


def _enclosing(location: tuple[int | str, ...], model: type[BaseModel]) -> Any:
    """The model or mapping at a location of the schema."""
    found: Any = model
    for part in location:
        if isinstance(found, dict):
            found = fields_of(found["*"])
        elif found is not None and part in found.model_fields:
            found = fields_of(found.model_fields[part].annotation)
    return found


def _keys(location: tuple[int | str, ...], model: type[BaseModel]) -> list[str]:
    return list(_enclosing(location, model).model_fields)


def _description(location: tuple[int | str, ...], model: type[BaseModel]) -> str:
    found = _enclosing(location[:-1], model)
    text = found.model_fields[str(location[-1])].description or ""
    return text[:1].lower() + text[1:].rstrip(".")
