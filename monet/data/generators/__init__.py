"""Scene generators, one module per data set: single scenes in NumPy, batches in PyTorch on any device."""
