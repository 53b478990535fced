"""What decoding may raise on bytes that somebody else wrote: a peer, a joining node, a caller of the API."""

from __future__ import annotations

import msgspec

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""Besides its own error, msgspec lets two others out: for text that is no UTF-8, and for nesting deeper than the interpreter's stack."""
