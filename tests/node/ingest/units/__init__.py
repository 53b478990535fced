"""Tests of node/ingest/units: UCUM codes."""
