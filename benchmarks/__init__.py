"""Speed and memory against what one would use instead: ``python -m benchmarks``."""
