"""What keeps a journal small, right and whole while the node runs."""
