"""Measurements; each file runs by itself, run.py runs all. docs/benchmarks.md explains them."""
