"""Tests of node/loopback."""
