"""From atoms to diffraction patterns, by abTEM: the first of two witnesses."""
