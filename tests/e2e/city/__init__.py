"""Proofs on one running city that every module here leaves as it was."""
