"""Training: recipes, the loop, the runs' pictures and the command line ``python -m monet.training``."""
