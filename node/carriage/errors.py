"""Errors of carriage.

CarriageError
+-- ParcelRefused     a file is not what it claims, not for this node, or not to be taken now
|   +-- ParcelUnfinished  a file that is not whole yet: the copy goes on, or was cut
|   +-- ParcelGap         what comes before the file is not here yet
+-- CarriageClosed    nothing may be carried to or from this peer at present
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from node.errors import EXIT_REFUSED, NodeError


class CarriageError(NodeError):
    """Base of every error of carriage."""

    exit_code: ClassVar[int] = EXIT_REFUSED


class ParcelRefused(CarriageError):
    """A file was refused; nothing of it was stored that was not accepted before."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path.name} refused: {why}")
        self.path = path


class ParcelUnfinished(ParcelRefused):
    """A file without its end."""


class ParcelGap(ParcelRefused):
    """A file that continues another which is not here yet."""


class CarriageClosed(CarriageError):
    """Nothing may be carried to or from this peer at present."""
