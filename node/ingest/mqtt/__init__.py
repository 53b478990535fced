"""The MQTT of the sensor door: packets, the two codecs, and what a connection and a session are. Built by node/ingest/door.py."""
