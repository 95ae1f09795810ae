"""Which machine does the work: devices, leases of GPUs, dask workers, FFT plans."""
