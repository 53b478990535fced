"""Errors of the node's evidence.

EvidenceFault           a picture or its book that cannot be used
+-- EvidenceUnknown     nothing here goes by that name
+-- EvidenceDamaged     a file or a book that is not what it was
"""

from __future__ import annotations

from node.errors import EXIT_REFUSED, NodeError


class EvidenceFault(NodeError):
    """A picture or its book that cannot be used; the text says why and the way out."""

    exit_code = EXIT_REFUSED


class EvidenceUnknown(EvidenceFault):
    """Nothing here goes by that name."""


class EvidenceDamaged(EvidenceFault):
    """A file or a book that is not what it was."""
