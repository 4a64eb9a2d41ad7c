"""Training: recipes, steps, runs, reports and the command line ``python -m monet.training``."""
