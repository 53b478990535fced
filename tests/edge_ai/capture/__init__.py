"""Tests of edge_ai/capture."""
