"""Mutated bytes against every decoder of what peers, devices and files bring; `python -m tests.fuzz` runs more of them."""
