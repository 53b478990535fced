"""Grades of single records, changed after the fact (POLICY, hard cases 1 and 1b): proposed, approved by another person, in force, lifted.

What a changed grade does to records is `policies`' to say; here it gets its numbers, its basis, its two persons and its way into a bundle.
"""
