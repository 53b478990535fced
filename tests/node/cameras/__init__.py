"""Tests of node/cameras."""
