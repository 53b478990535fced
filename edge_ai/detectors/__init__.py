"""Detectors: one file per family behind one port; `build.py` makes the one an algorithm asks for.

The package itself imports nothing heavy.
"""
