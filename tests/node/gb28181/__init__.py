"""Tests of node/gb28181."""
