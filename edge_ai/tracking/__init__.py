"""Gives detections of consecutive pictures an identity."""
