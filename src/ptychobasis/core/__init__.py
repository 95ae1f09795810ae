"""Common to every room: errors, grids, optics, electrons, keys, seeds, logs."""
