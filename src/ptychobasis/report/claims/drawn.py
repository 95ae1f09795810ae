"""Which rows of the summary the figure of the claims draws."""

from typing import NamedTuple

import pandas as pd

from ptychobasis.report.claims.findings import differences
from ptychobasis.study.schema import Study


class DrawnClaims(NamedTuple):
    """Rows of the summary, of volumes, with the column dark_field; empty for nothing to compare.

    Attributes:
        masked: Zernike sweeps with a known probe that differ by the masks in the dark field.
        lengths: sweeps that differ by their epochs alone.
        timed: sweeps of any basis with a known probe that differ by these masks.
    """

    masked: pd.DataFrame
    lengths: pd.DataFrame
    timed: pd.DataFrame


def drawn_claims(study: Study, summary: pd.DataFrame) -> DrawnClaims:
    """Choose rows by the keys of their sweeps.

    Args:
        study: the configuration.
        summary: ``tables/summary.csv`` of all seeds.
    """
    rows = summary[summary["slice"] == "volume"]
    rows = rows[rows["against"] == ("truth" if "truth" in set(rows["against"]) else "reference")]
    rows = rows.assign(dark_field=[study.recon(name).dark_field for name in rows["sweep"]])
    keys = {name: set(differences(study, name)) for name in study.sweeps}
    zernike = [name for name, sweep in study.sweeps.items() if sweep.basis == "zernike"]
    known = [
        name
        for name, changed in keys.items()
        if changed <= {"dark_field", "probe"} and study.recon(name).probe == "known"
    ]
    chosen = (
        [name for name in zernike if name in known],
        [name for name in zernike if keys[name] <= {"epochs"}],
        known,
    )
    # one sweep alone is nothing to compare
    parts = [rows[rows["sweep"].isin(names if len(names) > 1 else [])] for names in chosen]
    return DrawnClaims(*parts)
