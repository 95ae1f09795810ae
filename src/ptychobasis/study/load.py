"""Read and check a configuration."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ptychobasis.core.errors import StudyError
from ptychobasis.study import checks, yaml_source
from ptychobasis.study.schema import Study


def load_study(
    config: Path | str | Mapping[str, Any], source: str | None = None, checked: bool = False
) -> Study:
    """Read and check a configuration.

    Args:
        config: a YAML file, or the mapping that Snakemake merged from its config files.
        source: what errors call it, such as the names of those files.
        checked: the keys were found to go together before, when the files that they name were
            there; only each for itself is looked at.

    Raises:
        StudyError: the first problem found, and how many more there are.
    """
    if isinstance(config, Mapping):
        source, raw = source or "config", config
    else:
        source, raw = source or str(config), yaml_source.read(Path(config))
    try:
        study = Study.model_validate_json(json.dumps(yaml_source.prepare(raw), default=str))
        problems = [] if checked else checks.problems(study)
    except ValidationError as error:
        problems = yaml_source.explain(error, Study)
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise StudyError(f"{source}: {problems[0]}{more}")
    return study
