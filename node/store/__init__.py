"""The local store: the SQLite journal and its projections."""
