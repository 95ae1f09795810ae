"""Configuration files laid over one another, and what the command line lays over them.

A file may say two things beside the keys of the schema. ``extends: base.yaml`` names the file
that it is laid over where it comes first; the path starts at the file's own folder.
``replaces: [sweeps]`` names blocks that are taken from this file alone.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ptychobasis.core.errors import StudyError
from ptychobasis.study.explain import shown
from ptychobasis.study.yaml_source import Block, from_words, read, with_exponents

MOST_FILES = 10  # that extend one another


def read_layers(files: Iterable[str | Path], over: Mapping[str, Any] | None = None) -> Block:
    """Read files, each laid over those before it, key by key.

    Args:
        files: Paths of YAML files; what the first one extends lies below all.
        over: Keys of the command line, which win.

    Raises:
        StudyError: a file cannot be read, or what it extends or replaces is not there.
    """
    merged = Block({})
    for path in map(Path, files):
        merged = _laid_over(merged, read(path), str(path)) if merged else _with_base(path, ())
    if "extends" in (over or {}):
        raise StudyError("--config: extends is given; allowed: in a file only")
    return _laid_over(merged, from_words(over or {}), "--config")


def resolve(keys: Mapping[str, Any], source: str) -> Block:
    """Keys from elsewhere with what they extend; the path starts at the working folder.

    Args:
        keys: A whole study, or one that extends a file.
        source: What errors call it.
    """
    return _extended(with_exponents(keys), source, Path(), ())


def workflow_keys(workflow: Any, keys: Mapping[str, Any]) -> Block:
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


def place_of(problem: str, keys: Mapping[str, Any]) -> str | None:
    """Where the key stands that a problem begins with, or the block that holds it.

    Args:
        problem: Such as ``sweeps.zernike.sizes[0] is 0; allowed: ...``.
        keys: What `read_layers` read.
    """
    match = re.match(r"[\w.-]+", problem)
    place, block = None, keys
    for name in match[0].split(".") if match else ():
        if not isinstance(block, Block) or name not in block:
            break
        place, block = block.places.get(name, place), block[name]
    return place


def _with_base(path: Path, extending: Sequence[Path]) -> Block:
    if path.resolve() in extending or len(extending) >= MOST_FILES:
        chain = " > ".join(map(str, (*extending, path)))
        raise StudyError(f"{path}: extends itself ({chain}); allowed: files that end in a base")
    return _extended(read(path), str(path), path.parent, (*extending, path.resolve()))


def _extended(
    own: Mapping[str, Any], source: str, folder: Path, extending: Sequence[Path]
) -> Block:
    base = own.get("extends")
    if base is None:
        return _laid_over(Block({}), own, source)
    if not isinstance(base, str):
        raise StudyError(f"{source}: extends is {shown(base)}; allowed: the path of a YAML file")
    if not (folder / base).is_file():
        raise StudyError(
            f"{source}: extends is '{base}', and {folder / base} is no file; allowed: a path that "
            "starts at the folder of the file that says it"
        )
    return _laid_over(_with_base(folder / base, extending), own, source)


def _laid_over(below: Block, own: Mapping[str, Any], source: str) -> Block:
    replaced = own.get("replaces") or []
    if not isinstance(replaced, list) or not set(map(str, replaced)) <= set(own):
        raise StudyError(
            f"{source}: replaces is {shown(replaced)}; allowed: a list of blocks that this file "
            "holds, such as [sweeps]"
        )
    return _merged(_without(below, replaced), _without(Block(own), ("extends", "replaces")))


def _without(block: Block, keys: Iterable[str]) -> Block:
    return Block({key: value for key, value in block.items() if key not in keys}, block.places)


def _merged(below: Block, own: Mapping[str, Any]) -> Block:
    """Both mappings, block by block; where both hold a value, the second wins."""
    found = below.below(own)
    for key, value in own.items():
        under = below.get(key)
        if isinstance(value, Mapping) and isinstance(under, Mapping):
            found[key] = _merged(Block(under), value)
    return found
