"""What a node says to its parent and its children, and who may open a connection."""
