"""Tests of node/tree."""
