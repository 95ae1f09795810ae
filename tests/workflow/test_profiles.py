"""Profiles name rules and resources that exist: Snakemake ignores the others in silence."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT, snakemake

from ptychobasis.core.errors import nearest

PROFILES = sorted(ROOT.glob("profiles/*/config.yaml"))
# what Snakemake and its Slurm executor read beside what the rules name; 'gpus' is not among
# them: it submits without a GPU
SITE = {
    "constraint", "cpus_per_gpu", "cpus_per_task", "disk_mb", "gpu_model", "gres", "mem_mb",
    "mem_mb_per_cpu", "nodes", "qos", "runtime", "slurm_account", "slurm_cluster", "slurm_extra",
    "slurm_partition", "tasks", "tasks_per_gpu", "tmpdir",
}  # fmt: skip
TELL = """
include: {snakefile!r}

import json

print("RULES " + json.dumps({{
    r.name: {{name: item.is_evaluable() for name, item in r.resources.items()}}
    for r in workflow.rules if r.name not in workflow._localrules
}}))
"""


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bool]]:
    """Resources by rule, and whether they are computed for each attempt."""
    folder = tmp_path_factory.mktemp("rules")
    (folder / "tell.smk").write_text(TELL.format(snakefile=str(ROOT / "Snakefile")))
    command = [sys.executable, "-m", "snakemake", "--snakefile", "tell.smk", "--list-rules"]
    command += ["--configfile", str(ROOT / "config/test.yaml")]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    line = next((li for li in done.stdout.splitlines() if li.startswith("RULES ")), None)
    assert line, done.stderr[-2000:]
    found: dict[str, dict[str, bool]] = json.loads(line.removeprefix("RULES "))
    return found


def problems(profile: Mapping[str, Any], rules: Mapping[str, Any]) -> Iterator[str]:
    """Every name in a profile that nothing reads, with the nearest that something does."""
    per_rule: dict[str, Any] = dict(profile.get("set-resources", {}))
    named = {*per_rule, *profile.get("set-threads", {}), *profile.get("groups", {})}
    resources = SITE | {name for found in rules.values() for name in found}
    for rule in sorted(named - set(rules)):
        yield f"no rule '{rule}'{nearest(rule, rules)}"
    blocks = [
        profile.get("default-resources", {}),
        profile.get("resources", {}),
        *per_rule.values(),
    ]
    for name in sorted({name for block in blocks for name in block} - resources):
        yield f"no resource '{name}'{nearest(name, resources)}"


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.parent.name)
def test_profiles_name_what_exists(path: Path, rules: dict[str, Any]) -> None:
    assert list(problems(yaml.safe_load(path.read_text()), rules)) == []


@pytest.mark.parametrize(
    ("profile", "typo", "meant"),
    [
        ({"set-resources": {"reconstuct": {"gpu": 1}}}, "rule 'reconstuct'", "reconstruct"),
        ({"set-threads": {"simulate": 2}}, "rule 'simulate'", "simulate_phonon"),
        ({"set-resources": {"compress": {"men_mb": 1}}}, "resource 'men_mb'", "mem_mb"),
        ({"default-resources": {"slurm_part": "x"}}, "resource 'slurm_part'", "slurm_partition"),
        ({"resources": {"gpus": 1}}, "resource 'gpus'", "gpu"),
    ],
)
def test_a_typo_is_answered_with_the_nearest_name(
    profile: dict[str, Any], typo: str, meant: str, rules: dict[str, Any]
) -> None:
    assert list(problems(profile, rules)) == [f"no {typo} (did you mean '{meant}'?)"]


def test_every_queued_rule_computes_memory_and_time(rules: dict[str, Any]) -> None:
    assert {"simulate_phonon", "compress", "reconstruct", "evaluate"} <= set(rules)
    for name, resources in rules.items():
        assert resources.get("mem_mb"), f"{name} asks for the same memory in each attempt"
        assert resources.get("runtime"), f"{name} asks for the same time in each attempt"


def test_only_reconstructions_ask_for_a_gpu(rules: dict[str, Any]) -> None:
    assert [name for name, found in rules.items() if "gpu" in found] == ["reconstruct"]


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.parent.name)
def test_snakemake_accepts_the_profile(path: Path) -> None:
    done = snakemake(ROOT, "--profile", str(path.parent), "--list-rules")
    assert done.returncode == 0, done.stderr[-2000:]
