"""Tests of identity and join."""
