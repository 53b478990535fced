"""Vehicles by JT/T 808-2013 and -2019: frames, packets, positions."""
