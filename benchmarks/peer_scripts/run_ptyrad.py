"""Multislice ptychography with PtyRAD, from a dictionary of parameters as its notebook does it."""

from record import arguments  # first: it sets the threads

# isort: split
import logging

import numpy as np
from ptyrad.core.models.ptycho import PtychoModel
from ptyrad.params.ptyrad_params import PtyRADParams
from ptyrad.solver import PtyRADSolver

POWERS = {"intensity": 1.0, "amplitude": 0.5}  # of the patterns that PtyRAD compares
data, recorder, settings = arguments()
logging.getLogger("ptyrad").setLevel(logging.WARNING)

rows, columns = data.patterns.shape[:2]
off = {"start_iter": None}
fixed = {"start_iter": None, "lr": 0}
slices = len(data.distances) + 1
params = {
    "init_params": {
        "probe_kv": data.energy / 1e3,
        "probe_conv_angle": data.semi_angle * 1e3,
        "probe_pmode_max": 1,
        "probe_source": "custom",
        "probe_params": data.probe[None],
        "pos_N_scans": rows * columns,
        "pos_N_scan_slow": rows,
        "pos_N_scan_fast": columns,
        "pos_scan_step_size": float(data.step[0]),
        "pos_scan_rand_std": None,
        "meas_Npix": data.pixels,
        "meas_source": "custom",
        "meas_params": data.patterns.reshape(-1, data.pixels, data.pixels),
        "meas_calibration": {"mode": "dx", "value": data.sampling},
        "obj_Nlayer": slices,
        "obj_slice_thickness": float(np.mean(data.distances)),  # PtyRAD takes but one
    },
    "model_params": {
        "scheduler_params": {
            "name": "CosineAnnealingLR",
            "configs": {"T_max": settings.epochs},
        },
        "update_params": {
            "obja": fixed,
            "objp": {"start_iter": 1, "lr": settings.step},
            "probe": fixed,
            "probe_pos_shifts": fixed,
        },
    },
    "loss_params": {"loss_single": {"state": True, "weight": 1.0, "dp_pow": POWERS[settings.loss]}},
    "constraint_params": {
        "ortho_pmode": off,
        "fix_probe_int": off,
        "obj_rblur": off,
        "obj_zblur": off,
        "obja_thresh": off,
        "objp_postiv": {"start_iter": 1, "step": 1},
    },
    "recon_params": {
        "NITER": settings.epochs,
        "BATCH_SIZE": {"size": settings.batch},
        "SAVE_ITERS": None,
        "convergence_monitor": None,
    },
}
solver = PtyRADSolver(PtyRADParams(**params).model_dump(), device="cpu", seed=1)
constrain = solver.constraint_fn


def watch(model: PtychoModel, iteration: int) -> None:
    """Constrain the object, as PtyRAD does at the end of an iteration, and record it."""
    constrain(model, iteration)
    recorder.epoch(model.opt_objp[0].detach().numpy())


solver.constraint_fn = watch
recorder.start()
solver.reconstruct()
shape = solver.reconstruct_results.opt_objp.shape[-2:]
centre = data.positions.mean((0, 1))
recorder.finish("ptyrad", data.sampling, centre - np.array(shape) // 2 * data.sampling)
