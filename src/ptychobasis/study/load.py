"""Read and check a configuration."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ptychobasis.core.errors import StudyError
from ptychobasis.study import checks
from ptychobasis.study.explain import explain
from ptychobasis.study.layers import read_layers, resolve
from ptychobasis.study.schema import Study


def load_study(
    config: Path | str | Mapping[str, Any], source: str | None = None, checked: bool = False
) -> Study:
    """Read and check a configuration.

    Args:
        config: A YAML file, or the keys that several were merged into.
        source: What errors call it, such as the names of those files.
        checked: Whether the keys were found to go together before, when the files that they
            name were there; then only each for itself is looked at.

    Raises:
        StudyError: the first problem found, and how many more there are.
    """
    if isinstance(config, Mapping):
        source = source or "config"
        raw = resolve(config, source)
    else:
        source, raw = source or str(config), read_layers([config])
    try:
        study = Study.model_validate_json(json.dumps(_without_null(raw), default=str))
        problems = [] if checked else checks.problems(study)
    except ValidationError as error:
        problems = explain(error, Study)
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise StudyError(f"{source}: {problems[0]}{more}")
    return study


def _without_null(raw: dict[str, Any]) -> dict[str, Any]:
    """Keys without what an overlay took away by null.

    Only entries with names of the user's choice are dropped: sweeps, and elements of
    ``simulation.frozen_phonons.sigma_angstrom``. Elsewhere null is a value.
    """
    plain = dict(raw)
    match plain:
        case {"sweeps": Mapping() as sweeps}:
            plain["sweeps"] = _present(sweeps)
    match plain:
        case {"simulation": {"frozen_phonons": {"sigma_angstrom": Mapping() as sigma}}}:
            phonons = plain["simulation"]["frozen_phonons"] | {"sigma_angstrom": _present(sigma)}
            plain["simulation"] = plain["simulation"] | {"frozen_phonons": phonons}
    return plain


def _present(entries: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entries.items() if value is not None}
