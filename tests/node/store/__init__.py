"""Tests of the store: journal, mart, torn disks."""
