"""Tests of edge_ai/analysis."""
