"""Tests of node/config."""
