"""Multislice ptychography with phaser: its gradient engine on JAX, as its examples do it."""

from record import arguments  # first: it sets the threads

# isort: split
import logging
import tempfile
from pathlib import Path

import numpy as np
from phaser.execute import execute_plan
from phaser.observer import Observer
from phaser.plan import ReconsPlan
from phaser.state import PartialReconsState, PixelatedProbeState, ReconsState, ScanState
from phaser.utils.num import Sampling, to_numpy

data, recorder, settings = arguments()
ELECTRONS = 1e6  # per pattern; phaser's noise models count them


class Watch(Observer):
    """Hands the object of each iteration to the recorder."""

    def init_engine(self, *_: object, **__: object) -> None:
        """Called before the engine scales the probe and compiles."""
        recorder.start()

    def update_iteration(self, state: ReconsState, *_: object) -> None:
        """Called after each iteration."""
        recorder.epoch(np.angle(to_numpy(state.object.data)))
        self.sampling = state.object.sampling


decay = f"{settings.step} * (1 + np.cos(np.pi * (i - 1) / niter)) / 2"
rate = {"type": "expr", "expr": decay}
step = 1e3 * data.wavelength / (data.pixels * data.sampling)  # [mrad]
with tempfile.TemporaryDirectory() as folder:
    patterns = Path(folder) / "patterns.npy"
    np.save(patterns, data.patterns * ELECTRONS)
    plan = ReconsPlan.from_data(
        {
            "name": "peers",
            "backend": "jax",
            "raw_data": {
                "type": "manual",
                "path": str(patterns),
                "diff_step": step,
                "wavelength": data.wavelength,
                "adu": 1.0,
            },
            # phaser wants a thickness of the last slice too, which changes nothing
            "slices": {"thicknesses": [*data.distances.tolist(), data.distances[-1].item()]},
            "engines": [
                {
                    "type": "gradient",
                    "niter": settings.epochs,
                    "grouping": settings.batch,
                    "bwlim_frac": None,
                    "noise_model": {"type": settings.loss},
                    "solvers": {"object": {"type": "adam", "learning_rate": rate}},
                    "update_probe": False,
                    "buffer_n_groups": None,
                    "regularizers": [],
                    "group_constraints": [{"type": "clamp_object_amplitude", "amplitude": 1.0}],
                    "iter_constraints": [],
                }
            ],
        }
    )
    window = Sampling((data.pixels,) * 2, sampling=data.sampling)
    start = PartialReconsState(
        wavelength=data.wavelength,
        probe=PixelatedProbeState(window, data.probe[None]),
        scan=ScanState(data.positions, data.positions),
    )
    watch = Watch()
    logging.disable(logging.INFO)
    execute_plan(plan, seed=1, init_state=start, override_observers=watch)
# phaser counts positions from the middle of the window, half a pixel before its pixel n // 2
origin = watch.sampling.corner - data.sampling / 2
recorder.finish("phaserEM", data.sampling, origin)
