"""Tests of node/returns."""
