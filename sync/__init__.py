"""Replication between nodes: the words, the engine, the wire and the transport.

It knows nothing of what a grade means, of SQL or of screens.
"""
