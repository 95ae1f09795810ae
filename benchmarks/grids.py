"""How small the model may be: FSC, time and memory of several grids on two samples.

`pixels` are those of the model's patterns over the detector's window, `window_px` those of its
waves, `auto` what the criteria choose (`ptychobasis.model`). `fsc_full` is the mean FSC of the
volume with the reconstruction from the same data on the detector's full grid, `fsc_truth` with
the truth. All with the settings of the sample's study, 36 Zernike coefficients and one thread.

The criteria: patterns must reach to three radii of the bright-field disc, and as far as 98.5 % of
the electrons go; a window must hold 99.3 % of the probe at the depth of every slice. The last
transform is padded to the detector's pixels, so that masks need not be resampled.
"""

from typing import Any

import torch

from benchmarks.data import compressed, fsc_with_truth, study
from ptychobasis.reconstruction.result_file import Reconstruction
from ptychobasis.reconstruction.run import reconstruct
from ptychobasis.reconstruction.settings import ReconstructionSettings

TABLES = ("grids",)
PIXELS = (None, 0.84, 0.75, 0.67, "auto")
WINDOWS = (0.75, 0.5, 0.375, "auto")


def run() -> dict[str, list[dict[str, Any]]]:
    """Reconstruct both samples on every grid."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return {"grids": [row for name in ("demo", "oxide") for row in _sample(name)]}
    finally:
        torch.set_num_threads(threads)


def _sample(name: str) -> list[dict[str, Any]]:
    data = compressed(name, "zernike/36")
    base = study(name).recon("zernike")
    shape, extent = data.optics.detector.shape, data.optics.detector.extent
    cases: list[tuple[Any, Any]] = []
    for part in PIXELS:
        cut = isinstance(part, float)
        pixels = tuple(2 * round(n * part / 2) for n in shape) if cut else part  # type: ignore[operator]
        cases.append((pixels, None))
    for part in WINDOWS:
        cases.append(("auto", tuple(x * part for x in extent) if part != "auto" else "auto"))  # type: ignore[operator]
    rows: list[dict[str, Any]] = []
    full: Reconstruction | None = None
    for pixels, window in cases:
        keys = {"model_pixels": pixels, "window_angstrom": window, "device": "cpu"}
        settings: ReconstructionSettings = base.model_copy(update=keys)
        result = reconstruct(data, settings, seed=1)
        full = full or result
        rows.append(_row(name, pixels, window, result, full))
    return rows


def _row(
    name: str, pixels: Any, window: Any, result: Reconstruction, full: Reconstruction
) -> dict[str, Any]:
    waves = " x ".join(map(str, result.probe.shape))
    if pixels is None:
        asked = "all"
    else:
        asked = pixels if pixels == "auto" else " x ".join(map(str, pixels))
    size = "all" if window is None else window
    return {
        "sample": name,
        "pixels": asked,
        "window_angstrom": size if isinstance(size, str) else f"{size[0]:.3g} x {size[1]:.3g}",
        "window_px": waves,
        "fsc_full": fsc_with_truth(name, result, full),
        "fsc_truth": fsc_with_truth(name, result),
        "s_per_epoch": result.run.seconds_per_epoch,
        "final_loss": float(result.loss[-1]),
    }
