"""Repair: a stored payload that no longer matches its hash is found, set aside, and given back by a neighbour that has it."""
