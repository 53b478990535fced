"""What may be wrong with what is asked about cameras.

CameraError
+-- CameraUnknown     no camera of that id is configured here
+-- CameraRefused     a camera, a list or a change that cannot be, with the way out
+-- CodeRefused       twenty digits that are no national code
+-- MeasuringFailed   `yunnao bench ai` that gave no figures
+-- ViewRefused       pictures of now that nobody may have, or not so many at once
+-- LookFailed        a camera that was opened for a look and showed nothing
+-- DirectoryFailed   the node's own file of the camera directory cannot be used now
    +-- DirectoryDamaged  it is no database any more
"""

from __future__ import annotations

from typing import ClassVar

from node.errors import EXIT_NEGATIVE, EXIT_REFUSED, NodeError


class CameraError(NodeError):
    """Base of what this package raises on purpose."""

    exit_code: ClassVar[int] = EXIT_REFUSED


class CameraUnknown(CameraError):
    """No camera of that id is configured here."""


class CameraRefused(CameraError):
    """A camera, a list or a change that cannot be. Nothing was stored."""


class CodeRefused(CameraError, ValueError):
    """Digits that are no national code; a ValueError, so that readers of cells report it with its place."""


class ViewRefused(CameraError):
    """Pictures of now that nobody may have, or not so many at once."""


class LookFailed(CameraError):
    """A camera that was opened for a look and showed nothing."""

    exit_code: ClassVar[int] = EXIT_NEGATIVE


class MeasuringFailed(CameraError):
    """The box could not be measured; what was measured before stays."""

    exit_code: ClassVar[int] = EXIT_NEGATIVE


class DirectoryFailed(CameraError):
    """directory.db cannot be used now: a full disk, or the node is stopping."""


class DirectoryDamaged(DirectoryFailed):
    """directory.db is no database any more."""
