"""What end-to-end tests with cameras share: a camera of a real node, and what lies on the disk of a node, byte by byte.

Called by test_camera_secrets.py and test_evidence_tree.py. The cameras themselves are tests/edge_ai/sources/serving.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from node.cameras.grouping import ring_folder

WHOLE = "[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]"
PIECE = 48
"""Bytes in a row by which a file is known again."""
PIECES = 12
"""Of one file that are looked for, evenly over it."""


def files_of(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below a node's folder, and the rings that its cameras have in memory, by its place."""
    for root in (folder, ring_folder(folder / "cameras")):
        for path in sorted(root.rglob("*")):
            if path.is_file():
                yield str(path.relative_to(root)), path.read_bytes()


def pieces(data: bytes, *, begin: int = 0) -> set[bytes]:
    """Parts of a file that stand in nothing else: from `begin` on, without those that are few bytes over and over."""
    found = {data[at : at + PIECE] for at in range(begin, len(data) - PIECE, max(1, (len(data) - begin) // PIECES))}
    return {piece for piece in found if len(set(piece)) > PIECE // 4}


def holding(needles: Iterable[bytes], data: Iterable[tuple[str, bytes]]) -> list[str]:
    """Names of what holds any of the needles."""
    wanted = tuple(needles)
    assert wanted, "nothing to look for"
    return [name for name, content in data if any(needle in content for needle in wanted)]
