"""Tests of edge_ai/looks."""
