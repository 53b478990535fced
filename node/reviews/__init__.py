"""Review tickets that the system opens by itself: a set that grew too large, entries of two levels that contradict each other."""
