"""Recall: an entry of the negative list with `retroactive = "recall"` takes back what was shared before it (POLICY, hard cases 3 and 12).

The order is the signed bundle that holds the entry, so it spreads like any policy, before data. `orders.py` finds the orders in force,
`rewriting.py` says what becomes of one batch, `eraser.py` walks the journal, `receipt.py` and `kind.py` are what a holder says about it,
`closure.py` the issuer's open list, `tombs.py` the numbers that never come back, `desk.py` the room that runs them.
"""
