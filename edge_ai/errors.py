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


class EdgeError(Exception):
    """Base of every error this package raises on purpose."""


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
