"""End to end: real node processes, spoken to from outside."""
