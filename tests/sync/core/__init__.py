"""Checks of the replication engine."""
