"""Training: recipes, steps, runs, their pictures and the command line ``python -m monet.training``."""
