"""Requests: their fold and clocks, the desk, and the pages that a grant gives."""
