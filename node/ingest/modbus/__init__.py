"""Modbus TCP: devices that are asked, and the registers they answer with."""
