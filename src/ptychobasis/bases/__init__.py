"""From diffraction patterns to few numbers: masks, compression, compressed files."""
