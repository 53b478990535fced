"""Tests of node/recall: orders, erasure on real journals, receipts and the open list."""
