"""The digest of a script's code: what counts, and what does not."""

import shutil
import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import grimp
import pytest

from ptychobasis.study import code_digest as module
from ptychobasis.study.code_digest import code_digest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src/ptychobasis"
SCRIPTS = ROOT / "workflow/scripts"


def forget() -> None:
    """Sources are read once by a process; here they change."""
    for name in ("_graph", "_text", "_tree", "_closure", "_entries", "_bound", "_templates"):
        getattr(module, name).cache_clear()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the package whose code may be changed."""
    copy = tmp_path / "ptychobasis"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(module, "_PACKAGE", copy)
    # grimp asks for the specification of the package that is imported
    copied = spec_from_file_location(
        "ptychobasis", copy / "__init__.py", submodule_search_locations=[str(copy)]
    )
    assert copied is not None
    monkeypatch.setitem(sys.modules, "ptychobasis", module_from_spec(copied))
    forget()
    yield copy
    forget()


def change(file: Path, old: str = "", new: str = "") -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    changed = text.replace(old, new, 1) if old else text + "\n# changed\n"
    file.write_text(changed, encoding="utf-8")
    forget()


def digest(script: str, *bases: str) -> str:
    return code_digest(SCRIPTS / f"{script}.py", bases)


def test_the_graph_is_that_of_the_copy(package: Path) -> None:
    (package / "core/fresh.py").write_text("x = 1\n", encoding="utf-8")
    forget()
    assert "ptychobasis.core.fresh" in grimp.build_graph("ptychobasis", cache_dir=None).modules
    assert "ptychobasis.core.fresh" in module._graph().modules


@pytest.mark.parametrize(
    ("script", "changed"),
    [
        ("reconstruct", "reconstruction/losses.py"),
        ("reconstruct", "reconstruction/task.py"),
        ("reconstruct", "core/seeds.py"),
        ("reconstruct", "core/electrons.py"),  # far below
        ("reconstruct", "reconstruction/settings.py"),
        ("simulate_phonon", "simulation/geometry.py"),
        ("simulate_phonon", "data/blocks.py"),  # the writer of patterns
        ("figure_slices", "report/figures/slices.py"),
        ("compress", "bases/registry.py"),
        ("claims", "study/schema.py"),
    ],
)
def test_the_digest_follows_what_is_imported(package: Path, script: str, changed: str) -> None:
    before = digest(script)
    change(package / changed)
    assert digest(script) != before


@pytest.mark.parametrize(
    ("script", "changed"),
    [
        ("reconstruct", "simulation/abtem_scan.py"),
        ("reconstruct", "evaluation/compare.py"),
        ("reconstruct", "study/schema.py"),
        ("simulate_phonon", "forward/waves.py"),  # the simulation is the independent witness
        ("crystal", "bases/basis.py"),
        ("compress", "report/figures/slices.py"),
    ],
)
def test_the_digest_ignores_other_modules(package: Path, script: str, changed: str) -> None:
    before = digest(script)
    change(package / changed)
    assert digest(script) == before


def test_the_script_itself_counts(tmp_path: Path) -> None:
    script = tmp_path / "figure_rate.py"
    shutil.copy(SCRIPTS / "figure_rate.py", script)
    assert code_digest(script) == digest("figure_rate")
    change(script)
    assert code_digest(script) != digest("figure_rate")


@pytest.mark.parametrize(
    "line",
    [
        "from ptychobasis.core import leaf",
        "import ptychobasis.core.leaf",
        "from ptychobasis.core.leaf import x",
        "def late():\n    from ptychobasis.core.leaf import x",
    ],
)
def test_every_form_of_import_is_seen(package: Path, tmp_path: Path, line: str) -> None:
    leaf, script = package / "core/leaf.py", tmp_path / "script.py"
    leaf.write_text("x = 1\n", encoding="utf-8")
    script.write_text(f"{line}\n", encoding="utf-8")
    forget()
    before = code_digest(script)
    change(leaf)
    assert code_digest(script) != before


def entry(text: str, name: str) -> tuple[int, int]:
    """Where the entry of a basis lies in the text of the registry."""
    node = module._entries()[name]
    lines = text.splitlines(keepends=True)
    start = sum(map(len, lines[: node.lineno - 1])) + node.col_offset
    segment = module.ast.get_source_segment(text, node)
    assert segment is not None
    return start, start + len(segment)


@pytest.mark.parametrize("script", ["compress", "claims"])
def test_a_basis_counts_only_where_it_is_used(package: Path, script: str) -> None:
    registry = package / "bases/registry.py"
    used, unused = digest(script, "zernike"), digest(script, "svd")
    text = registry.read_text(encoding="utf-8")
    start, end = entry(text, "zernike")
    old = text[start:end]
    change(registry, old, old.replace("disc_functions.zernike", "disc_functions.hadamard"))
    assert digest(script, "svd") == unused
    assert digest(script, "zernike") != used


def test_the_function_of_a_basis_and_what_it_calls_count(package: Path) -> None:
    functions = package / "bases/disc_functions.py"
    before = {name: digest("compress", name) for name in ("zernike", "random", "svd")}
    change(functions, "def _zernike_polynomial(", "# theirs\ndef _zernike_polynomial(")
    assert {name: digest("compress", name) for name in before} == before  # a comment between
    change(functions, "    n, m = zernike_indices(j)", "    n, m = zernike_indices(j + 0)")
    assert digest("compress", "zernike") != before["zernike"]
    assert digest("compress", "random") == before["random"]
    change(functions, "default_rng(0)", "default_rng(1)")
    assert digest("compress", "random") != before["random"]
    assert digest("compress", "svd") == before["svd"]


@pytest.mark.slow
def test_another_basis_changes_no_digest(package: Path) -> None:
    names = sorted(module._entries())
    scripts = [path.stem for path in SCRIPTS.glob("*.py")]
    before = {script: digest(script, *names) for script in scripts}
    functions, registry = package / "bases/disc_functions.py", package / "bases/registry.py"
    change(functions, "def hadamard(", "def another(request):\n    return None\n\n\ndef hadamard(")
    text = registry.read_text(encoding="utf-8")
    start, end = entry(text, "hadamard")
    new = text[start:end].replace("hadamard", "another")
    separator = ',\n    "another": ' if not new.startswith(("Kind", "_")) else ",\n    "
    registry.write_text(f"{text[:end]}{separator}{new}{text[end:]}", encoding="utf-8")
    forget()
    assert "another" in module._entries()
    assert {script: digest(script, *names) for script in scripts} == before


def test_templates_count_where_pages_are_written(package: Path) -> None:
    before = digest("provenance"), digest("compress", "zernike")
    change(package / "report/templates/page.html")
    assert digest("provenance") != before[0]
    assert digest("compress", "zernike") == before[1]
