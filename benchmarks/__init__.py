"""Benchmarks of the study: ``python -m benchmarks`` or ``make bench``."""
