"""Tests of the canary scan."""
