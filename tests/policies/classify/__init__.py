"""Tests of classification: identifiers, rules, tables."""
