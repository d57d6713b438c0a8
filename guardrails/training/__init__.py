"""Makes the weights that the detectors ship with; needs the development packages, and runs apart from the product."""
