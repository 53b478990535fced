"""What a node knows of the nodes around it, and how it asks them."""
