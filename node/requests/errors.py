"""What may be wrong with a request for data beyond what a case refuses.

CaseError (node/cases/errors.py)
+-- TermsError      the table of terms
+-- FetchRefused    a page that is not given, or not taken
"""

from __future__ import annotations

from node.cases.errors import CaseError


class TermsError(CaseError):
    """A table of terms that cannot be used: which place in it, and the way out."""


class FetchRefused(CaseError):
    """A page that is not given or not taken: by whom and why."""
