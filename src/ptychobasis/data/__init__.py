"""Diffraction patterns on disk: HDF5 files, data sets and their checks."""
