"""Break-glass: its case, its desk, and what it gives to whom."""
