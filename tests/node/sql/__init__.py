"""Queries over what a clearance may see."""
