"""Frames from the capture processes to the analysis process: one memory-mapped file a capture process, slots per camera."""
