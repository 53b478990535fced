"""Tests of the MQTT of the sensor door."""
