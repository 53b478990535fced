"""Event-sourced things (DESIGN 2): a case is what the facts about it, from whatever node, add up to.

`fact.py` is one fact and its place in the order of all; `kind.py` the rules of one kind of case and the fold; `register.py` the projection
of the journal that lists them; `desk.py` says new facts and follows those of others.
"""
