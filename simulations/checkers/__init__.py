"""Checkers: do journals keep the promises of the system? A library over journal files, whether a simulator or a city wrote them."""

from simulations.checkers.copies import Copy, Decoded, Holder, read_copies, read_copy
from simulations.checkers.truth import Truth
from simulations.checkers.values import Promise, Violation

__all__ = ["Copy", "Decoded", "Holder", "Promise", "Truth", "Violation", "read_copies", "read_copy"]
