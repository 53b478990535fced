"""Tests of node/attachment."""
