"""Tests of node/carriage."""
