"""Small networks that are trained here, for experiments on what is done to networks."""
