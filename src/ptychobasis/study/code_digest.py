"""The digest of the code that a rule runs: its script, and all of this package behind it.

Snakemake reruns a rule when its script changes, and not when a module that the script imports
does. With this digest among the rule's parameters it does both.

Only the registry of bases is looked at more closely. Every study knows all bases and uses few of
them, so an entry of the registry, and the function that it names, count only where the basis is
used: another basis reruns nothing.
"""

import ast
import hashlib
import os
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import grimp

_PACKAGE = Path(__file__).parents[1]
_NAME = "ptychobasis"
_REGISTRY = f"{_NAME}.bases.registry"
_TABLE = "BASES"
_RENDERER = f"{_NAME}.report.render"


def code_digest(script: str | Path, bases: Iterable[str] = ()) -> str:
    """Digest of a script and of every module of this package that it imports.

    Args:
        script: Path of the script.
        bases: Names of the bases that its job uses.
    """
    text = Path(script).read_text(encoding="utf-8")
    parts = {"script": text, **_closure(frozenset(_imported(ast.parse(text))))}
    if _REGISTRY in parts:
        parts |= _registry_parts(frozenset(bases))
    if _RENDERER in parts:
        parts |= _templates()
    whole = "\0".join(f"{name}\0{parts[name]}" for name in sorted(parts))
    return hashlib.sha256(whole.encode()).hexdigest()[:16]


def share_package() -> None:
    """Let jobs in environments of their own (``--sdm conda``) import this very package."""
    paths = [str(_PACKAGE.parent), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)


@cache
def _graph() -> grimp.ImportGraph:
    return grimp.build_graph(_NAME, cache_dir=None)


@cache
def _templates() -> dict[str, str]:
    """Templates of pages, by name; no import statement names them."""
    folder = _PACKAGE / "report" / "templates"
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.html"))}


@cache
def _text(module: str) -> str:
    """Source of a module or package."""
    place = _PACKAGE.joinpath(*module.split(".")[1:])
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    return file.read_text(encoding="utf-8")


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(_text(module))


def _imported(tree: ast.AST) -> Iterator[str]:
    """Modules of this package that import statements name."""
    known = _graph().modules
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        yield from (name for name in names if name in known)


@cache  # most rules share most of their modules
def _closure(modules: frozenset[str]) -> dict[str, str]:
    """Sources of modules and of all that they import, by name.

    The registry does not lead to the modules whose functions its entries name.
    """
    waiting, found = set(modules), dict[str, str]()
    while waiting:
        module = waiting.pop()
        found[module] = _text(module)
        follows = set(_graph().find_modules_directly_imported_by(module))
        if module == _REGISTRY:
            follows -= _builders()
        waiting |= {name for name in follows if name.startswith(_NAME)} - found.keys()
    return found


def _registry_parts(bases: frozenset[str]) -> dict[str, str]:
    """The registry without the entries of other bases, and the code of those that are used."""
    parts: dict[str, str] = {}
    whole = text = _text(_REGISTRY)
    for name, entry in _entries().items():
        source = ast.get_source_segment(whole, entry) or ""
        text = text.replace(source, "", 1)
        if name in bases:
            parts[f"{_REGISTRY}:{name}"] = source
            for module, attribute in _references(entry):
                parts |= _definition(module, attribute)
    # neither do the imports count that other entries need
    lines = (line.strip(' ,":') for line in text.splitlines())
    parts[_REGISTRY] = "\n".join(
        line
        for line in lines
        if line and line not in _entries() and not line.startswith(("import ", "from "))
    )
    return parts


@cache
def _entries() -> dict[str, ast.expr]:
    """Entries of the registry's table by the name of the basis."""
    for node in _tree(_REGISTRY).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = getattr(node, "value", None)
        if not any(isinstance(each, ast.Name) and each.id == _TABLE for each in targets):
            continue
        if isinstance(value, ast.Dict):
            pairs = zip(value.keys, value.values, strict=True)
            return {str(getattr(key, "value", "")): entry for key, entry in pairs}
        calls = (each for each in ast.walk(node) if isinstance(each, ast.Call))
        return {name: call for call in calls if (name := _name_of(call))}
    raise LookupError(f"{_REGISTRY} holds no {_TABLE}")


def _name_of(call: ast.Call) -> str | None:
    """The first argument, or the one called ``name``, where it is a text."""
    named = [keyword.value for keyword in call.keywords if keyword.arg == "name"]
    first = getattr([*call.args, *named, None][0], "value", None)
    return first if isinstance(first, str) else None


def _references(entry: ast.expr) -> set[tuple[str, str]]:
    """Names of other modules of this package in an entry: (module, attribute)."""
    bound = _bound(_REGISTRY)
    found = set()
    for node in ast.walk(entry):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = bound.get(node.value.id)
            if module is not None and module in _graph().modules:
                found.add((module, node.attr))
        elif isinstance(node, ast.Name) and bound.get(node.id, _NAME) not in _graph().modules:
            module, _, attribute = bound[node.id].rpartition(".")
            found.add((module, attribute))
    return found


def _builders() -> set[str]:
    """Modules that entries of the registry refer to."""
    return {module for entry in _entries().values() for module, _ in _references(entry)}


@cache
def _bound(module: str) -> dict[str, str]:
    """Names that imports at the top of a module bind, with what they stand for."""
    found: dict[str, str] = {}
    for node in _tree(module).body:
        if isinstance(node, ast.ImportFrom):
            found |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
        elif isinstance(node, ast.Import):
            found |= {a.asname or a.name: a.name for a in node.names}
    return found


def _definition(module: str, name: str) -> dict[str, str]:
    """Source of a function, of what it uses of its own module, and of the modules behind it."""
    tops = {each: node for node in _tree(module).body for each in _names_of(node)}
    waiting, used, imports = {name}, set[str](), set[str]()
    while waiting:
        each = waiting.pop()
        used.add(each)
        names = {node.id for node in ast.walk(tops[each]) if isinstance(node, ast.Name)}
        waiting |= (names & tops.keys()) - used
        imports |= names & _bound(module).keys()
    sources = {
        f"{module}.{each}": ast.get_source_segment(_text(module), tops[each]) or "" for each in used
    }
    targets = {_bound(module)[each] for each in imports}
    modules = {known for target in targets for known in (target, target.rpartition(".")[0])}
    return sources | _closure(frozenset(modules & _graph().modules - {_NAME}))


def _names_of(node: ast.stmt) -> list[str]:
    """Names that a statement at the top of a module defines."""
    match node:
        case ast.FunctionDef() | ast.ClassDef():
            return [node.name]
        case ast.Assign():
            return [target.id for target in node.targets if isinstance(target, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
    return []
