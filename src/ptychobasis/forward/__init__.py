"""From an object to diffraction patterns, and back by the adjoint: the second witness."""
