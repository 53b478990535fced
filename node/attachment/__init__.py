"""Which parent a node has, by signed order."""
