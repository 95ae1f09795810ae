"""Multislice ptychography with py4DSTEM, as its tutorials do it."""

from record import arguments  # first: it sets the threads

# isort: split
import numpy as np
import py4DSTEM

data, recorder, settings = arguments()

cube = py4DSTEM.DataCube(data=data.patterns)
cube.calibration.set_R_pixel_size(float(data.step[0]))
cube.calibration.set_R_pixel_units("A")
cube.calibration.set_Q_pixel_size(1 / (data.pixels * data.sampling))
cube.calibration.set_Q_pixel_units("A^-1")
centre = np.full(data.patterns.shape[:2], data.pixels // 2, float)
# py4DSTEM transforms without a factor: the probe in real space is weaker by the pixels of an edge
beam = np.sqrt(data.patterns.sum((-2, -1)).mean()) / data.pixels
ptycho = py4DSTEM.process.phase.MultislicePtychography(
    datacube=cube,
    energy=data.energy,
    num_slices=len(data.distances) + 1,
    slice_thicknesses=data.distances.tolist(),
    semiangle_cutoff=data.semi_angle * 1e3,
    initial_probe_guess=np.fft.ifftshift(data.probe) * beam,
    object_type="potential",
    verbose=False,
).preprocess(
    force_com_shifts=(centre, centre),
    force_com_rotation=0,
    force_com_transpose=False,
    plot_center_of_mass=False,
    plot_rotation=False,
    plot_probe_overlaps=False,
)
recorder.start()
for epoch in range(settings.epochs):
    ptycho.reconstruct(
        num_iter=1,
        reset=epoch == 0,
        seed_random=epoch,
        max_batch_size=settings.batch,
        step_size=settings.step,
        fix_probe=True,
        object_positivity=True,
        progress_bar=False,
    )
    recorder.epoch(ptycho.object)
origin = data.positions.mean((0, 1)) - np.array(ptycho.object.shape[1:]) / 2 * data.sampling
recorder.finish("py4DSTEM", data.sampling, origin)
