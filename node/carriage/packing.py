"""Packs frames into parts of a size: one parcel after the other, each beginning where the one before it ends.

Owns: where a part may end (between spans only) and what its seal says. Blocking; called by exporting.py on a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from node.carriage.parcel import SUFFIX, Header, LanePoint
from node.carriage.writer import ParcelWriter, Sealing
from sync.core.messages import Data, Message
from sync.model import Frame, next_chain
from sync.wire.codec import encode

MakeHeader = Callable[[int, list[LanePoint]], Header]
"""(number of the part from 1, where it begins) -> its header."""


def part_path(folder: Path, header: Header) -> Path:
    """The name of a data part in `folder`."""
    return folder / f"{header.sender}-{header.target}-{header.serial:08}{SUFFIX}"


class Packing:
    """One export's parts. Call `finish` when all frames are in, or `abandon`."""

    def __init__(
        self,
        folder: Path,
        make_header: MakeHeader,
        sealing: Sealing,
        *,
        start: Sequence[LanePoint],
        preface: Sequence[Message],
        part_bytes: int,
    ) -> None:
        self._folder = folder
        self._make_header = make_header
        self._sealing = sealing
        self._points = {point.lane: point for point in start}
        self._preface = [encode(message) for message in preface]
        self._part_bytes = part_bytes
        self._writer: ParcelWriter | None = None
        self._has_frames = False
        self._is_between_spans = True
        self.paths: list[Path] = []
        """Finished parts."""
        self.answers: list[Message] = []
        """Acknowledgements and refusals for the first part."""
        self.records = 0
        """Records in the payloads packed."""

    def add(self, messages: Sequence[Message]) -> None:
        """Pack messages in order; a full part is finished at the next end of a span."""
        for message in messages:
            encoded = encode(message)
            writer = self._writer_for(len(encoded))
            writer.add(encoded)
            if isinstance(message, Data):
                self._advance(message.frame)

    def finish(self) -> list[Path]:
        """Finish the last part; all parts, none when nothing was packed."""
        if self._writer is not None:
            self._close(parts=len(self.paths) + 1)
        return self.paths

    def abandon(self) -> None:
        """Leave the part in hand unwritten; finished ones stay."""
        if self._writer is not None:
            self._writer.abandon()
            self._writer = None

    def _writer_for(self, size: int) -> ParcelWriter:
        if self._writer is not None and self._has_frames and self._is_between_spans and self._writer.size + size > self._part_bytes:
            self._close(parts=0)
        if self._writer is None:
            header = self._make_header(len(self.paths) + 1, list(self._points.values()))
            self._writer = ParcelWriter(part_path(self._folder, header), header, self._sealing)
            self._has_frames = False
            for encoded in (*self._preface, *(encode(answer) for answer in self.answers)):
                self._writer.add(encoded)
            self.answers = []
        return self._writer

    def _advance(self, frame: Frame) -> None:
        assert frame.batch.manifest is not None, "a frame without a manifest"
        before = self._points[int(frame.lane)]
        chain = next_chain(before.chain, frame.batch.manifest.digest)
        self._points[int(frame.lane)] = LanePoint(int(frame.lane), frame.span.upto if frame.is_last else before.upto, chain)
        self._has_frames, self._is_between_spans = True, frame.is_last
        self.records += frame.batch.header.row_count

    def _close(self, *, parts: int) -> None:
        assert self._writer is not None, "a part that was never begun"
        assert self._is_between_spans, "a part that ends inside a span"
        self._writer.finish(end=list(self._points.values()), parts=parts)
        self.paths.append(self._writer.path)
        self._writer = None
