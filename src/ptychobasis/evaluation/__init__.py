"""How right a reconstruction is."""
