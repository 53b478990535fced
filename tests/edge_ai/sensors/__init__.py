"""Tests of edge_ai.sensors."""
