"""Device profiles written as files: their keys, their checks, and what they become."""
