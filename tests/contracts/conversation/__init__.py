"""Recorded conversations of two nodes, and what today's program makes of them: the contract between versions."""
