"""Tests of the repair of damaged batches."""
