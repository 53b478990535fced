"""Forks: what a node does when two copies of it have lived (a restored backup, a cloned disk), and how it knows."""
