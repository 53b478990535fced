"""The terminal console: a client of the node API."""
