"""Tests of the frame rings."""
