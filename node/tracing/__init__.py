"""Recordings of what a live node's engine was told and what it made of it, without the values of records."""
