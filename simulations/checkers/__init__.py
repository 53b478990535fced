"""Checkers: do journals keep the promises of the system? A library over journal files, whether a simulator or a city wrote them."""

from simulations.checkers.copies import Copy, Holder, read_copy
from simulations.checkers.values import Promise, Violation

__all__ = ["Copy", "Holder", "Promise", "Violation", "read_copy"]
