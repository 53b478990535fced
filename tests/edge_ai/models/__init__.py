"""Packages, imports and hot swap of models."""
