"""The replication engine: a pure state machine without I/O, clock or chance."""
