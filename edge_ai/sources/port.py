"""What every source of pictures can do. Implementations: ClipSource, UsbSource, LiveSource; scripted ones in tests.

Called by edge_ai/capture/camera.py, and by tests and benchmarks that read clips as fast as they can.
"""

from __future__ import annotations

from typing import Protocol

from edge_ai.picture import Pixels
from edge_ai.reasons import Reason
from edge_ai.sources.packets import PacketRing

FPS_DEFAULT = 25.0
"""For sources that do not say."""
FPS_MAX = 240.0
"""A source that claims more is not believed."""


class FrameSource(Protocol):
    """Pictures, one after another. Of one thread, but for `interrupt`."""

    @property
    def fps(self) -> float:
        """Frames per second the source claims."""

    @property
    def codec(self) -> str:
        """h264, h265, mpeg4 or mjpeg; empty when unknown."""

    @property
    def restarts(self) -> int:
        """Times the pictures began anew inside this connection, with another size, codec or rate: the next is no neighbour of the last."""

    @property
    def damaged(self) -> int:
        """Pictures left out because they, or what they build on, did not arrive whole or in time."""

    @property
    def packets(self) -> PacketRing | None:
        """The last seconds as they were sent; None for sources that are not compressed or lie on disk anyway."""

    def skip(self) -> bool:
        """Pass over a frame without converting it; False at the end. Live sources raise SourceError saying why they ended."""

    def read(self, room: Pixels | None = None) -> Pixels | None:
        """The next picture: `room` itself where the picture has its size, else the caller's own; None at the end.

        Live sources raise SourceError saying why they ended. After None or an error `room` may hold anything.
        """

    def ending(self) -> Reason | None:
        """After the end: None when the source gave all it promised, else what is missing."""

    def interrupt(self) -> None:
        """Let a read that waits end soon; may come from any thread."""

    def close(self) -> None:
        """Release decoder, file or connection."""
