"""Tests of changes of territories."""
