"""Multislice ptychography with quantem, as its tutorials do it."""

from record import arguments  # first: it sets the threads

# isort: split
import numpy as np
from quantem.diffractive_imaging import (
    DetectorPixelated,
    ObjectPixelated,
    ProbePixelated,
    Ptychography,
    PtychographyDatasetRaster,
)
from quantem.diffractive_imaging.logger_ptychography import LoggerPtychography

data, recorder, settings = arguments()


class Watch(LoggerPtychography):
    """Hands the object of each iteration to the recorder."""

    def __init__(self) -> None:  # no log folder
        pass

    def log_iter(self, object_model: ObjectPixelated, *_: object) -> None:
        """Called by quantem after each iteration."""
        recorder.epoch(object_model.obj.detach().numpy())


frequency = 1 / (data.pixels * data.sampling)
dataset = PtychographyDatasetRaster.from_array(
    data.patterns,
    sampling=(*data.step, frequency, frequency),
    units=("A", "A", "A^-1", "A^-1"),
    learn_descan=False,
    learn_scan_positions=False,
    verbose=False,
)
padding = data.pixels // 2
dataset.preprocess(
    com_fit_function="no_shift",
    force_com_rotation=0,
    force_com_transpose=False,
    plot_rotation=False,
    plot_com=False,
    obj_padding_px=(padding, padding),
    probe_energy=data.energy,
)
beam = np.sqrt(dataset.mean_diffraction_intensity)
ptycho = Ptychography.from_models(
    dset=dataset,
    obj_model=ObjectPixelated.from_uniform(
        num_slices=len(data.distances) + 1,
        slice_thicknesses=data.distances,
        obj_type="potential",
    ),
    probe_model=ProbePixelated.from_array(
        np.fft.ifftshift(data.probe) * beam, probe_params={"energy": data.energy}
    ),
    detector_model=DetectorPixelated(),
    logger=Watch(),
    verbose=False,
    rng=1,
)
ptycho.preprocess(obj_padding_px=(padding, padding))
recorder.start()
ptycho.reconstruct(
    num_iters=settings.epochs,
    optimizer_params={"object": {"name": "adam", "lr": settings.step}},
    scheduler_params={"object": {"name": "cosine_annealing"}},
    batch_size=settings.batch,
    loss_type=f"l2_{settings.loss}",
)
origin = data.positions[0, 0] - ptycho.obj_padding_px * data.sampling  # quantem may pad more
recorder.finish("quantem", data.sampling, origin)
