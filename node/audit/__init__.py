"""The audit log: a hash chain in the journal of what was decided, by whom, and in which order, witnessed by a neighbour."""
