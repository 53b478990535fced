"""`yunnao sql`: one SELECT over what a person of a clearance may see of this node's records.

`statement.py` checks what is asked; `engine.py` is DuckDB without a file; `views.py` fills it through the gate; `desk.py` runs one query at
a time within its bounds and enters it in the audit log.
"""
