"""Tests of node/ingest/sl651: Hydrological stations."""
