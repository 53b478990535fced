"""What may be wrong with messages of a platform and with the configuration of this node as its device.

GbError
+-- SipError        bytes that are no SIP message we take
+-- BodyError       a body that is no query we understand
+-- GbRefused       a configuration that cannot be
"""

from __future__ import annotations

from node.errors import NodeError


class GbError(NodeError):
    """Base of what this package raises on purpose."""


class SipError(GbError):
    """Bytes that are no SIP message we take."""


class BodyError(GbError):
    """A body that is no query we understand."""


class GbRefused(GbError):
    """A configuration that cannot be."""
