"""An exhaustive search over the states of a small tree: real engines, real handshakes, no chance."""
