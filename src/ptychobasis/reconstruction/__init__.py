"""From few numbers to the object."""
