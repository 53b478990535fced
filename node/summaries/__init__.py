"""Mergeable partial aggregates of a resource over a closed window, computed in DuckDB and merged up the tree."""
