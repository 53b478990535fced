"""Tests of the HJ 212 door and its codec."""
