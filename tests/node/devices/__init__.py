"""Tests of node/devices."""
