"""The panel of samples: every file is a study that can be planned, and its page names it."""

from pathlib import Path

import pytest

from ptychobasis.study.load import load_study

ROOT = Path(__file__).parents[2]
PANEL = ROOT / "config/panel"
SAMPLES = sorted(path.stem for path in PANEL.glob("*.yaml") if path.stem != "common")


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_is_a_study(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    study = load_study(PANEL / f"{name}.yaml")
    assert study.study == f"panel-{name}"
    assert study.seeds == (1, 2)
    assert {str(variant) for variant in study.variants()} == {
        "zernike/15", "zernike/36", "bright-field/all", "uncompressed/all",
    }  # fmt: skip


def test_the_page_names_every_sample_and_no_other() -> None:
    rows = [line for line in (PANEL / "README.md").read_text().splitlines() if line[:2] == "| "]
    assert sorted(row.split("|")[1].strip() for row in rows[1:]) == SAMPLES
