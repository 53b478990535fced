"""The canary scan: whether values that may not be at a place are there, in any form in which this program writes."""

from simulations.leaks.folder import Hit, find_values
from simulations.leaks.search import Needles, Value

__all__ = ["Hit", "Needles", "Value", "find_values"]
