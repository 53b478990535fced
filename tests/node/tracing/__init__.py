"""Tests of node/tracing."""
