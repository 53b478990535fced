"""The node's side of edge AI."""
