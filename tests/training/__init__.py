"""Tests of what the shipped net is trained on; the net itself needs an environment of its own."""
