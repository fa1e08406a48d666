"""From an image to its instances: one plane in tiles, stacks plane by plane."""
