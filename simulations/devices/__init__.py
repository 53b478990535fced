"""Simulated devices: sensors and cameras with faults."""
