"""Tests of the planning tools."""
