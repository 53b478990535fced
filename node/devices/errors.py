"""What may be wrong with what is asked about devices.

DeviceError
+-- DeviceUnknown     nobody of that name was met or entered here
+-- CommandRefused    a command that is not given, with the way out
+-- CommandUnknown    no command of that id is here
"""

from __future__ import annotations

from typing import ClassVar

from node.errors import EXIT_REFUSED, NodeError


class DeviceError(NodeError):
    """Base of what this package raises on purpose."""

    exit_code: ClassVar[int] = EXIT_REFUSED


class DeviceUnknown(DeviceError):
    """No device of that name is known here."""


class CommandUnknown(DeviceError):
    """No command of that id is here."""

    def __init__(self, case_id: str) -> None:
        super().__init__(f"command {case_id[:64]!r} is not here (yet): `yunnao device commands` shows those that are")


class CommandRefused(DeviceError):
    """A command that is not given. Nothing was stored."""
