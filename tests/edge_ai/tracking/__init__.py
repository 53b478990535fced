"""Tests of edge_ai/tracking."""
