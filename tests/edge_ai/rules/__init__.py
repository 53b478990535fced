"""Tests of the rules, kind by kind."""
