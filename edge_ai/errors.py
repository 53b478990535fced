"""Errors of the edge AI package.

EdgeError
+-- SpecError        a camera, rule or worker description that cannot be
+-- SourceError      a camera or file that gives no pictures
+-- AlgorithmError   a manifest or an algorithm that may not run here
|   +-- ModelError   a model file whose content or shapes are wrong
+-- EvidenceError    a picture that could not be made or kept
+-- MessageError     bytes on the local socket that are not a message we accept
+-- RingError        a frame ring for which there is no room
"""

from __future__ import annotations

from edge_ai.reasons import Reason, told


class EdgeError(Exception):
    """Base of every error this package raises on purpose. Its text is English; its reason is worded where it is shown."""

    def __init__(self, said: Reason | str) -> None:
        super().__init__(str(said))
        self.reason = said if isinstance(said, Reason) else None

    @property
    def told(self) -> str:
        """As it travels to whoever shows it."""
        return told(self.reason or str(self))


class SpecError(EdgeError, ValueError):
    """A description that cannot be; a ValueError, so that decoding reports it with its place in the document."""


class SourceError(EdgeError):
    """A camera or file that gives no pictures."""


class AlgorithmError(EdgeError):
    """A manifest or an algorithm that may not run here."""


class ModelError(AlgorithmError):
    """A model whose file, content or shapes are wrong."""


class EvidenceError(EdgeError):
    """A picture that could not be made or kept."""


class MessageError(EdgeError):
    """Bytes on the local socket that are not a message we accept."""


class RingError(EdgeError):
    """A frame ring that cannot be made, for want of room or of a folder."""
