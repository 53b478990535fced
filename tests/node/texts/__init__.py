"""Tests of node.sensor_alarms."""
