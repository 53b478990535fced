"""The node's evidence: originals that stay here, what is known of each, how long they stay, and how one leaves under a grant."""
