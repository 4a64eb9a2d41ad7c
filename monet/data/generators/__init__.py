"""The generators, one module per data set: single scenes in NumPy, batches of scenes in PyTorch on any device."""
