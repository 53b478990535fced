"""Tests of the demo's parts that need no running node."""
