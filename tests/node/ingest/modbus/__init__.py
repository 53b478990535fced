"""Tests of node/ingest/modbus: Devices that are asked."""
