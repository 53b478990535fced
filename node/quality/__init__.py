"""Data quality (数据质量纠错反馈): rules judged over committed records, tickets to the source, corrections, scores.

`hashing.py` and `judging.py` judge columns; `store.py` keeps figures and how far was read; `projection.py` follows the journal; `kind.py`
is the case of a ticket; `recheck.py` judges again what was corrected; `desk.py` opens and settles tickets; `source.py` says who may put.
"""
