"""What a node on the way may not hold, in envelopes that only their target opens: made at one end, opened and judged at the other."""
