"""Signing, carrying and keeping packages on the node's side."""
