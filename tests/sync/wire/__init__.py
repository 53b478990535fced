"""Tests of the wire: codec, payloads, golden fixtures, hostile input."""
