"""Tests of node/ingest/lorawan: LoRaWAN uplinks and payloads."""
