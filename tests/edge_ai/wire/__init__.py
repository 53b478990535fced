"""Tests of messages between workers and the node."""
