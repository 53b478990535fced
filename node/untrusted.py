"""What somebody else wrote, a peer, a joining node, a caller of the API: what decoding it may raise, and what may be kept of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""Besides its own error, msgspec lets two others out: for text that is no UTF-8, and for nesting deeper than the interpreter's stack."""
DEPTH_MAX = 32
"""Tables and lists inside each other: far below what encoding them again can take."""
INTEGER_MAX = (1 << 63) - 1


def is_plain(table: Mapping[str, object]) -> bool:
    """True when a decoded table holds nothing that could not be stored, counted or encoded again."""
    layer: list[object] = [table]
    for _ in range(DEPTH_MAX):
        if any(isinstance(value, int) and not -INTEGER_MAX <= value <= INTEGER_MAX for value in layer):
            return False
        layer = [inner for value in layer for inner in _inside(value)]
        if not layer:
            return True
    return False


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list) else ()
