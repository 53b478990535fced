"""Cameras and sensors: capture, motion gate, detectors, tracking, rules, evidence. Runs as its own process."""
