"""Tests of node/ingest/sparkplug."""
