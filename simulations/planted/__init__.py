"""Planted bugs: one safety rule of the product switched off at a time, to prove that the checkers would see it."""

from simulations.planted.harness import Mutation, Trap, try_mutation
from simulations.planted.table import MUTATIONS

__all__ = ["MUTATIONS", "Mutation", "Trap", "try_mutation"]
