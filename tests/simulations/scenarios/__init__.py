"""Tests of the scenarios and of the canary scan over a whole city."""
