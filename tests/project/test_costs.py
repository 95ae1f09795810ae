"""The page of very large data is what the tables say."""

import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.common import RESULTS
from benchmarks.costs import PAGE, Tables, page


@pytest.fixture
def tables(tmp_path: Path) -> Tables:
    """A copy of the tables, without one that is measured with the machine left alone."""
    shutil.copytree(RESULTS, tmp_path / "results")
    (tmp_path / "results/compression.csv").unlink(missing_ok=True)
    return Tables(tmp_path / "results")


def rows(text: str, start: str) -> list[list[str]]:
    """Cells of the rows of tables that start so."""
    return [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith(start)]


def test_the_page_follows_from_the_tables() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m benchmarks.costs"


def test_sizes_are_those_of_512_to_the_fourth() -> None:
    text = page()
    ((_, pattern, scan, thousand, _),) = rows(text, "| all pixels, float32 |")
    assert (pattern, scan, thousand) == ("1.05 MB", "275 GB", "275 TB")
    ((_, pattern, scan, thousand, times),) = rows(text, "| 36 Zernike coefficients, float32 |")
    assert (pattern, scan, thousand, times) == ("144 B", "37.7 MB", "37.7 GB", "3,640")


def test_times_scale_with_positions_epochs_and_scans() -> None:
    ((_, pattern, scan, thousand, cores),) = rows(page(), "| 36 coefficients, automatic grid |")
    hours = float(pattern) * 1e-3 * 512**2 * 40 / 3600
    assert float(scan) == pytest.approx(hours, rel=0.01)
    assert float(thousand.replace(",", "")) == pytest.approx(hours * 1000 / 2, rel=0.01)
    assert float(cores) == pytest.approx(hours * 1000 / 720, rel=0.01)


def test_rates_of_compression_are_taken_once_they_are_measured(tables: Tables) -> None:
    assert "**compression.csv** was not measured yet" in page(tables)
    small = {"pixels": "500 x 500", "filter": "lossless", "patterns [GB]": 1.0, "file [GB]": 0.8,
             "cache": "cold", "Zernike 36 [GB/s]": 9.0}  # fmt: skip
    large = small | {"patterns [GB]": 20.0, "file [GB]": 16.0, "Zernike 36 [GB/s]": 2.0}
    warm = large | {"cache": "warm", "Zernike 36 [GB/s]": 5.0}
    other = large | {"pixels": "128 x 128", "Zernike 36 [GB/s]": 7.0}
    raw = large | {"filter": "uncompressed", "file [GB]": 20.0, "Zernike 36 [GB/s]": 4.0}
    table = pd.DataFrame([small, large, warm, other, raw])
    table.to_csv(tables.benchmarks / "compression.csv", index=False)
    text = page(tables)
    assert "not measured yet" not in text
    one, sixteen, _ = rows(text, "| losslessly compressed |")
    hours = 512**4 * 4e-9 / 2 / 3600
    assert [float(cell) for cell in one[1:4]] == pytest.approx([1, 2, hours], rel=0.01)
    assert one[5] == "1.6"
    assert [float(cell) for cell in sixteen[1:4]] == pytest.approx([16, 32, hours / 16], rel=0.01)
    assert next(row[2] for row in rows(text, "| uncompressed |")) == "4"


def test_no_place_of_the_text_is_left_open() -> None:
    assert not re.search(r"\{[a-z_:.\d]+\}|nan", page().split("```yaml")[0])
