"""The negative list in the hands of people: proposals, reviews, approvals, what is in force, what ends soon, and the public register.

What an entry does to records is `policies`' to say; here it gets its basis, its two persons and its way into a bundle.
"""
