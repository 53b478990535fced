"""Tests of node/links."""
