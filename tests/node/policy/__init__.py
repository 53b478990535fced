"""Tests of node/policy."""
