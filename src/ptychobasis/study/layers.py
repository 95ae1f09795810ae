"""Configuration files laid over one another, and what the command line lays over them.

A file may say two things beside the keys of the schema. ``extends: base.yaml`` names the file
that it is laid over where it comes first; the path starts at the file's own folder.
``replaces: [sweeps]`` names blocks that are taken from this file alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ptychobasis.core.errors import StudyError
from ptychobasis.study.explain import shown
from ptychobasis.study.yaml_source import from_words, read, with_exponents

MOST_FILES = 10  # that extend one another


def read_layers(
    files: Iterable[str | Path], over: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Read files, each laid over those before it, key by key.

    Args:
        files: Paths of YAML files; what the first one extends lies below all.
        over: Keys of the command line, which win.

    Raises:
        StudyError: a file cannot be read, or what it extends or replaces is not there.
    """
    merged: dict[str, Any] = {}
    for path in map(Path, files):
        merged = _laid_over(merged, read(path), str(path)) if merged else _with_base(path, ())
    if "extends" in (over or {}):
        raise StudyError("--config: extends is given; allowed: in a file only")
    return _laid_over(merged, from_words(over or {}), "--config")


def resolve(keys: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Keys from elsewhere with what they extend; the path starts at the working folder.

    Args:
        keys: A whole study, or one that extends a file.
        source: What errors call it.
    """
    return _extended(with_exponents(keys), source, Path(), ())


def workflow_keys(workflow: Any, keys: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a study that Snakemake runs.

    Snakemake has read the same files, but as YAML 1.1, in which the last of two equal keys
    wins; so they are read anew. What another workflow hands to this one as a module is taken
    as it is.

    Args:
        workflow: Snakemake's, in a Snakefile.
        keys: Its ``config``.
    """
    if workflow.modifier.skip_configfile or not workflow.configfiles:
        return resolve(keys, "config")
    given = workflow.config_settings.configfiles  # on the command line, over the Snakefile's own
    own = [file for file in workflow.configfiles if file not in given]
    return read_layers([*own, *given], workflow.config_settings.config)


def _with_base(path: Path, extending: Sequence[Path]) -> dict[str, Any]:
    if path.resolve() in extending or len(extending) >= MOST_FILES:
        chain = " > ".join(map(str, (*extending, path)))
        raise StudyError(f"{path}: extends itself ({chain}); allowed: files that end in a base")
    return _extended(read(path), str(path), path.parent, (*extending, path.resolve()))


def _extended(
    own: dict[str, Any], source: str, folder: Path, extending: Sequence[Path]
) -> dict[str, Any]:
    base = own.get("extends")
    if base is None:
        return _laid_over({}, own, source)
    if not isinstance(base, str):
        raise StudyError(f"{source}: extends is {shown(base)}; allowed: the path of a YAML file")
    if not (folder / base).is_file():
        raise StudyError(
            f"{source}: extends is '{base}', and {folder / base} is no file; allowed: a path that "
            "starts at the folder of the file that says it"
        )
    return _laid_over(_with_base(folder / base, extending), own, source)


def _laid_over(below: dict[str, Any], own: dict[str, Any], source: str) -> dict[str, Any]:
    replaced = own.get("replaces") or []
    if not isinstance(replaced, list) or not set(map(str, replaced)) <= set(own):
        raise StudyError(
            f"{source}: replaces is {shown(replaced)}; allowed: a list of blocks that this file "
            "holds, such as [sweeps]"
        )
    kept = {key: value for key, value in below.items() if key not in replaced}
    return _merged(kept, {key: own[key] for key in own if key not in ("extends", "replaces")})


def _merged(below: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Both mappings, block by block; where both hold a value, the second wins."""
    found = dict(below)
    for key, value in own.items():
        under = found.get(key)
        nested = isinstance(value, Mapping) and isinstance(under, Mapping)
        found[key] = _merged(under or {}, value) if nested else value
    return found
