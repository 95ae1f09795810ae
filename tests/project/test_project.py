"""Lock, container, conda, hooks and catalogue agree, and every page that is linked is there."""

import ast
import math
import re
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest
import yaml
from conftest import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ptychobasis.report.tables import overview, read_csv
from ptychobasis.study.load import load_study

CONDA_NAMES = {"torch": "pytorch", "snakemake": "snakemake-minimal"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def requirements() -> dict[str, Requirement]:
    """What the package needs, without extras, by its name."""
    found = map(Requirement, PROJECT["dependencies"])
    return {canonicalize_name(each.name): each for each in found}


def locked() -> dict[str, str]:
    """Versions that `make` installs."""
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pairs = (line.split("==") for line in lines if not line.startswith("#"))
    return {canonicalize_name(name): version for name, version in pairs}


def test_the_lock_has_every_dependency_within_its_bounds() -> None:
    extras = [Requirement(line) for name in ("slurm", "test")
              for line in PROJECT["optional-dependencies"][name]]  # fmt: skip
    versions = locked()
    for needed in (*requirements().values(), *extras):
        assert versions[canonicalize_name(needed.name)] in needed.specifier, str(needed)


def test_bounds_are_lower_ones_so_that_others_can_build_on_the_package() -> None:
    for needed in requirements().values():
        assert [each.operator for each in needed.specifier] == [">="], str(needed)


def test_conda_and_pip_install_the_same_versions() -> None:
    environment = yaml.safe_load((ROOT / "envs/study.yaml").read_text())
    pairs = (line.partition("=") for line in environment["dependencies"])
    conda = {name: version for name, _, version in pairs if name != "python"}
    versions = locked()
    assert conda == {CONDA_NAMES.get(name, name): versions[name] for name in requirements()}


def test_torch_is_pinned_exactly() -> None:
    assert locked()["torch"] == "2.13.0"


def test_the_container_installs_what_the_lock_says() -> None:
    lines = (ROOT / "Containerfile").read_text().splitlines()
    steps = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
    installs = [rest for step, rest in steps if step == "RUN"]
    told = "pip install --no-cache-dir --constraint requirements.lock --editable '.[slurm]'"
    assert installs == [told]  # no other versions
    conda = yaml.safe_load((ROOT / "envs/study.yaml").read_text())["dependencies"]
    (python,) = (line.removeprefix("python=") for line in conda if line.startswith("python="))
    assert steps[0] == ["FROM", f"python:{python}-slim"]
    copied = {name for step, rest in steps if step == "COPY" for name in rest.split()[:-1]}
    assert all((ROOT / name).exists() for name in copied)
    needed = {"Snakefile", "config", "envs", "profiles", "requirements.lock", "src", "workflow"}
    assert needed <= copied


def test_the_workflow_of_github_runs_the_two_commands_on_both_systems() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text())["jobs"]
    commands = {}
    for name, job in jobs.items():
        assert job["strategy"]["matrix"]["os"] == ["ubuntu-latest", "macos-latest"]
        commands[name] = [step["run"] for step in job["steps"] if "run" in step]
    assert commands == {"test": ["make test"], "study": ["make study"]}


def test_hooks_run_the_tools_that_make_test_runs() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    makefile = (ROOT / "Makefile").read_text()
    for hook in hooks:
        assert f"$(BIN)/{hook['entry'].split()[0]} " in makefile.replace("\n", " ")


def test_the_catalogue_finds_the_layout_that_it_expects() -> None:
    settings = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert set(settings) == {"mandatory-flags", "software-stack-deployment", "report"}
    assert settings["software-stack-deployment"]["conda"]
    for path in ("workflow/Snakefile", "workflow/rules", "config/README.md", "LICENSE"):
        assert (ROOT / path).exists()


def test_every_module_that_is_imported_is_a_dependency() -> None:
    """What only the tests install would be missing after `make study`."""
    imported = set()
    for path in [*ROOT.glob("src/**/*.py"), *ROOT.glob("workflow/scripts/*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.split(".")[0])
    known, owners = set(requirements()), packages_distributions()
    known |= {"pydantic-core", "ptychobasis", "cupy"}  # cupy: where there is a GPU
    for module in imported - sys.stdlib_module_names:
        names = {canonicalize_name(name) for name in owners.get(module, [module])}
        assert names & known, f"{module} comes with {names}"


def test_links_of_the_pages_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), ROOT / "config/README.md", *ROOT.glob("docs/*.md")]
    for page in pages:
        links = re.findall(r"\]\(([^)#:]+)\)|src=\"([^\":]+)\"", page.read_text())
        for link in (a or b for a, b in links):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


@pytest.mark.parametrize(
    ("page", "study", "count"), [("README.md", "demo", 18), ("docs/paper.md", "paper", 18)]
)
def test_the_table_of_a_page_is_the_one_that_its_study_made(
    page: str, study: str, count: int
) -> None:
    rows = [
        line.strip("| ").split(" | ")
        for line in (ROOT / page).read_text().splitlines()
        if re.match(r"\| \S+ \| \d+ \|", line)
    ]
    summary = read_csv(ROOT / f"results/reference/{study}/summary.csv")
    plain = load_study(ROOT / f"config/{study}.yaml").plain_sweeps()
    table = overview(summary[summary["sweep"].isin(plain)])
    made = [
        [row["basis"], f"{row['stored_values']}", f"{row['reduction_percent']:.3f}"]
        + [f"{row[key]:.3f}{spread(row[f'{key}_std'])}" for key in ("reference", "truth")]
        for _, row in table.iterrows()
    ]
    assert len(rows) == count
    assert sorted(rows) == sorted(made)


def spread(std: float) -> str:
    """One seed has none."""
    return "" if math.isnan(std) else f" ± {std:.3f}"
