"""Tests of node/keeping."""
