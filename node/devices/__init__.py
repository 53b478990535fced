"""Devices as things that people keep: their sheet, their silence, and the commands they are given.

The registry itself is node/ingest/devices.py, because every reading passes it; here is what is done with it.
"""
