"""Tests of the catalogue: sheets, imports, drafts, history, freshness."""
