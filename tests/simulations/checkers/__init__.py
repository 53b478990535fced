"""Tests of the checkers themselves, over journals made by hand."""
