"""Analyses frames: which is next, the callers of models, and a camera's way from a frame to events."""
