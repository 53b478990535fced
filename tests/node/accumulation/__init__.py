"""Counting persons, and what follows when they are too many."""
