"""Tests of node.ingest.jt808."""
