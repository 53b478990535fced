"""Checks of the house, mirroring the packages."""
