"""Tests of node/audit."""
