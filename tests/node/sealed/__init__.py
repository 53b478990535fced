"""Sealed envelopes: their bytes, who may seal for whom, and three real nodes of which the middle one may not read."""
