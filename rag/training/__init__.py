"""Makes the weights that judge how far answers rest on passages; needs development packages, runs apart from us."""
