"""Errors of the policy package.

PolicyError
+-- BundleError      bytes or values that are not a policy bundle we accept
+-- PredicateError   a row predicate that is not allowed, with the place in its text
"""

from __future__ import annotations


class PolicyError(Exception):
    """Base of every error this package raises on purpose."""


class BundleError(PolicyError):
    """Bytes or values that are not a policy bundle we accept."""


class PredicateError(PolicyError):
    """A row predicate that is not allowed."""

    def __init__(self, message: str, *, position: int = 0) -> None:
        super().__init__(message)
        self.position = position
        """Character of the predicate's text at fault, from 1; 0 when no single place is."""
