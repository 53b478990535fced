"""Originals at their node."""
