"""The pins of pip and conda agree, and every page that the README names is there."""

import math
import re
import tomllib

import pytest
import yaml
from conftest import ROOT

from ptychobasis.report.tables import overview, read_csv
from ptychobasis.study.load import load_study

CONDA_NAMES = {"torch": "pytorch", "snakemake": "snakemake-minimal"}


def pip_pins() -> dict[str, str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pairs = (re.split("==|>=", line) for line in project["dependencies"] if "==" in line)
    return {CONDA_NAMES.get(name, name): version for name, version in pairs}


def test_conda_and_pip_install_the_same_versions() -> None:
    environment = yaml.safe_load((ROOT / "envs/study.yaml").read_text())
    pairs = (line.split("=") for line in environment["dependencies"] if "=" in line)
    conda = {name: version for name, version in pairs if name != "python"}
    assert conda == pip_pins()


def test_torch_is_pinned_exactly() -> None:
    assert pip_pins()["pytorch"] == "2.13.0"


def test_the_container_installs_what_pyproject_says() -> None:
    lines = (ROOT / "Containerfile").read_text().splitlines()
    steps = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
    installs = [rest for step, rest in steps if step == "RUN"]
    assert installs == ["pip install --no-cache-dir --editable '.[slurm]'"]  # no other versions
    conda = yaml.safe_load((ROOT / "envs/study.yaml").read_text())["dependencies"]
    (python,) = (line.removeprefix("python=") for line in conda if line.startswith("python="))
    assert steps[0] == ["FROM", f"python:{python}-slim"]
    copied = {name for step, rest in steps if step == "COPY" for name in rest.split()[:-1]}
    assert all((ROOT / name).exists() for name in copied)
    assert {"Snakefile", "config", "envs", "profiles", "src", "workflow"} <= copied


def test_links_of_the_pages_lead_somewhere() -> None:
    pages = [ROOT / "README.md", ROOT / "config/README.md", *ROOT.glob("docs/*.md")]
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
