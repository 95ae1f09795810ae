"""Read and check a configuration.

``python -m ptychobasis.study.load FILE ...`` says whether files, each laid over those before it,
are a valid study, or in one sentence why not.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ptychobasis.core.errors import StudyError
from ptychobasis.study import checks
from ptychobasis.study.explain import explain
from ptychobasis.study.layers import place_of, read_layers, resolve
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
        raise StudyError(f"{place_of(problems[0], raw) or source}: {problems[0]}{more}")
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


def main(files: Sequence[str]) -> str:
    """Say what study some files are.

    Args:
        files: Paths of YAML files, as they follow ``--configfile``.

    Raises:
        StudyError: They are none.
    """
    if not files:
        raise StudyError("no file is given; allowed: YAML files, each laid over those before it")
    names = " + ".join(files)
    study = load_study(read_layers(files), names)
    count, seeds = len(study.variants()), len(study.seeds)
    return f"{names} is a valid study: {count * seeds} reconstructions, {count} for each seed"


if __name__ == "__main__":
    try:
        print(main(sys.argv[1:]))
    except StudyError as error:
        raise SystemExit(str(error)) from None
