"""What every room may know: errors, grids, optics, electrons, keys, seeds, logs."""
