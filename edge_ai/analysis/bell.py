"""What wakes the analysis: a counter of the kernel that capture processes and inference callers add to and the analysis loop waits on.

The node makes it and hands it to both processes, so it outlives either of them and leaves no file behind. Called by the workers of this
package and by node/cameras.
"""

from __future__ import annotations

import os
import select


class Bell:
    """One eventfd; whoever rings never waits."""

    def __init__(self, handle: int) -> None:
        self.handle = handle
        self._poll = select.poll()
        self._poll.register(handle, select.POLLIN)

    @staticmethod
    def make() -> Bell:
        """A new one, inherited only by processes that are given it."""
        return Bell(os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC))

    def ring(self) -> None:
        """Wake who waits; rings before the next wait count as one."""
        os.eventfd_write(self.handle, 1)

    def wait(self, seconds: float) -> None:
        """Return at the next ring, or after `seconds`."""
        if self._poll.poll(seconds * 1_000):
            os.eventfd_read(self.handle)

    def close(self) -> None:
        """Give the handle back."""
        os.close(self.handle)
