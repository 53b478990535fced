"""Training of the net that ships; in an environment of its own, never imported by the product."""
