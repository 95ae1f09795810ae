"""The digest of the code that a job runs."""

import ast
import hashlib
from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]
_READERS = [
    f"study.{name}"
    for name in ("schema", "load", "checks", "geometry_checks", "yaml_source", "key_reference")
]


def code_digest(module: str) -> str:
    """Digest of a module of this package and of all modules of the package that it imports.

    Snakemake reruns a rule when its script changes, not when what the script imports does;
    with this digest among a rule's parameters it does both. Modules that only read the
    configuration do not count, for its values are parameters of their own.
    """
    found: dict[str, bytes] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = _file(name).read_bytes()
            for node in _imports(found[name]):
                waiting += _package_modules(node)
    whole = b"".join(found[name] for name in sorted(found))
    return hashlib.sha256(whole).hexdigest()[:16]


@cache  # every job asks for the digests of all rules, which share most of their modules
def _imports(source: bytes) -> list[ast.ImportFrom]:
    nodes = ast.walk(ast.parse(source))
    return [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module]


def _package_modules(node: ast.ImportFrom) -> list[str]:
    """Modules of this package that one import statement names."""
    package, _, module = (node.module or "").partition(".")
    if package != "ptychobasis":
        return []
    names = [module, *(f"{module}.{alias.name}".lstrip(".") for alias in node.names)]
    known = [name for name in names if name and _file(name).exists()]
    return [name for name in known if name not in _READERS]


def _file(module: str) -> Path:
    return _PACKAGE / f"{module.replace('.', '/')}.py"
