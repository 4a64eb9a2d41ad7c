"""Benchmarks of speed and memory against the reference notebook and other alternatives: ``python -m benchmarks``."""
