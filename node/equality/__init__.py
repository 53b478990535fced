"""Proof of equality: what left for a peer is what it stored, number by number, without sending the records again."""
