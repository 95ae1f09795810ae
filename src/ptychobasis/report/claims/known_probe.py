"""The gain from the dark field, and from zeros in its place: C3."""

from collections.abc import Iterator

import pandas as pd

from ptychobasis.core.variant import Variant
from ptychobasis.report.claims.evidence import reference_in_doubt, same_runs
from ptychobasis.report.claims.findings import (
    Finding,
    Tables,
    largest_common,
    listed,
    score,
    text_of,
    with_known_probe,
)
from ptychobasis.study.schema import Study


def known_probe(study: Study, tables: Tables) -> Iterator[Finding]:
    """All pixels against the bright field, and dark-field masks against none."""
    for sweep in with_known_probe(study, "bright-field"):
        for pixels in with_known_probe(study, "pixels")[:1]:
            yield _dark_field(study, tables, Variant(sweep, "all"), Variant(pixels, "all"))
    masked = with_known_probe(study, "zernike", "dark_field")
    for base in with_known_probe(study, "zernike")[:1] if masked else ():
        size = largest_common(study, [base, *masked])
        if size:
            yield _masks(study, tables, Variant(base, size), masked)


def _dark_field(study: Study, tables: Tables, bright: Variant, pixels: Variant) -> Finding:
    without, limit = score(tables, bright), study.claims.tolerance
    gain = score(tables, pixels) - without
    return Finding(
        "C3", "with a known probe the dark field can be left out",
        "mean FSC that all pixels have more than those of the bright field", gain.tolist(),
        f"less than {limit:g}", (gain < limit).tolist(), "quality",
        f"bright field: {text_of(without)}", rests_on=[bright, pixels],
        doubt=reference_in_doubt(study, tables, pixels, "all pixels"),
    )  # fmt: skip


def _masks(study: Study, tables: Tables, base: Variant, masked: list[str]) -> Finding:
    without, limit = score(tables, base), study.claims.tolerance
    with_masks = {name: Variant(name, base.size) for name in masked}
    scores = {name: score(tables, variant) for name, variant in with_masks.items()}
    gain = pd.DataFrame(scores).max(axis=1) - without
    texts = [f"{study.recon(name).dark_field}: {text_of(each)}" for name, each in scores.items()]
    alike = all(same_runs(tables, base, variant) for variant in with_masks.values())
    return Finding(
        "C3", "and so can masks there that are forced to zero",
        f"mean FSC that the best of them add to {base.size} masks", gain.tolist(),
        f"less than {limit:g}", (gain < limit).tolist(), "claims",
        f"without: {text_of(without)}, {listed(texts)}", rests_on=[base, *with_masks.values()],
        missing="the masks changed nothing" if alike else "",
    )  # fmt: skip
