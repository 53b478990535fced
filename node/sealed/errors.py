"""What goes wrong with sealed envelopes.

SealedError
    EnvelopeRefused    an envelope that this node does not take
    SealedBookError    sealed.db cannot be read or written now
        SealedBookDamaged
"""

from __future__ import annotations

from node.errors import EXIT_FAILED, NodeError


class SealedError(NodeError):
    """Base of what goes wrong with sealed envelopes."""

    exit_code = EXIT_FAILED


class EnvelopeRefused(SealedError):
    """An envelope that cannot be what its sealer made for this node; no policy mends it."""


class SealedBookError(SealedError):
    """The book of envelopes cannot be read or written now."""


class SealedBookDamaged(SealedBookError):
    """The file is no database any more."""
