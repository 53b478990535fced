"""Changed grades of single records: the case, the numbers, the bundle, and what holders make of a raise."""
