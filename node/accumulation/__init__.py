"""How many persons a node's records are about, and what follows when they are too many (POLICY, hard case 8)."""
