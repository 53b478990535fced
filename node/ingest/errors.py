"""Errors of the ingest package.

IngestError
+-- DecodeError      a message whose content cannot become readings; it is kept with its reason and never tried again
+-- PacketError      bytes on the device plane that are not MQTT as the door speaks it; the connection ends
+-- PasswordError    a password file that cannot be read
+-- CertificateError a certificate, key or authority of the door that cannot be used
+-- SeriesError      a series file that cannot be replayed
+-- FeedError        `yunnao feed` cannot go on
+-- UnitError        a code that is no unit, or units that do not convert (units/ucum.py)
+-- ExpressionError  an expression that is no JMESPath, or too large (expressions.py)
+-- ModbusFault      a request to a Modbus device that brought no values (modbus/line.py)
"""

from __future__ import annotations

from node.errors import NodeError


class IngestError(Exception):
    """Base of every error this package raises on purpose."""


class DecodeError(IngestError):
    """A message whose content cannot become readings."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        """A word for counting: one of a closed set per decoder, never text from the device."""
        self.detail = detail


class PacketError(IngestError):
    """Bytes that are not MQTT as the door speaks it: the connection is closed and the reason counted."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        """A word for counting, such as `packet_too_large`."""


class CertificateError(IngestError, NodeError):
    """A certificate, key or authority of the door that cannot be used: the file and the way out."""


class PasswordError(IngestError, NodeError):
    """A password file that cannot be read: file, line and the way out."""


class SeriesError(IngestError):
    """A series file that cannot be replayed: file, line and the way out."""


class FeedError(IngestError):
    """`yunnao feed` cannot go on."""
