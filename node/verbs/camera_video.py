"""`yunnao camera view --unmasked-video`: a camera's own video, not masked, into a file or for a player on loopback.

Owns the file: it appears under its name when it is whole or was cut, never before, with a note beside it of who has it and what is missing.
Called by camera_view.py.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import getpass
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import msgspec

from node.cameras.errors import CameraRefused, LookFailed
from node.cameras.viewing.video import LivePiece
from node.cameras.viewing.video_screen import COMING, STREAM, Newest, VideoScreen, pieces
from node.client import ApiError, NodeClient
from node.errors import EXIT_NEGATIVE, EXIT_OK, NodeError
from node.evidence.clip_copies import NOTICE
from node.files import sync_folder, write_durably
from node.texts import text
from node.texts.reasons import worded
from node.verb import UsageError
from node.verbs.loopback import end_wished, served
from node.verbs.output import print_json, print_line, talk

CALL_TIMEOUT_S = 45.0
SECONDS, SECONDS_MAX = 10.0, 3_600.0
FILE_BYTES_MAX = 4 << 30
STOPPED = "stopped"
"""A file that somebody ended before its time."""
GAPS_MAX = 1_000
"""Gaps that a note lists; their sum counts all."""


REASONS = (
    "busy", "connecting", "lost", "no-key-picture", "no-packets", "no-picture", "not-connected", "off", "other-codec", "pace",
    "records-first", "same", "silent", "stopped", "too-large",
)  # fmt: skip
"""Words of the node that have a text."""


def watch(args: argparse.Namespace) -> int:
    """Show a camera's own video."""
    if not args.why.strip():
        raise UsageError("--unmasked-video needs --why: it shows persons, and why somebody looked is kept")
    if not 0 < args.seconds <= SECONDS_MAX:
        raise UsageError(f"--seconds {args.seconds:g} refused: more than 0, at most {SECONDS_MAX:g}")
    if args.serve is not None:
        return asyncio.run(_serve(args))
    out: Path = args.out or Path(f"{args.id}-live.ts")
    if out.suffix.lower() != ".ts":
        raise UsageError(f"--out {out} refused: name a file that ends in .ts")
    return asyncio.run(_written(args, out))


@dataclass(slots=True)
class NodeVideo:
    """A view of video of the running node, over its API."""

    args: argparse.Namespace
    name: str = ""
    begun: dict[str, object] = field(default_factory=dict)

    async def begin(self) -> None:
        """As VideoCalls. Raises ApiError."""
        args = self.args
        self.begun = await asyncio.to_thread(
            self._call, "camera_view_begin", camera=args.id, node=args.node, request=args.request, by=args.by or getpass.getuser(),
            clearance=int(args.clearance[1:]), why=args.why, unmasked=True,
        )  # fmt: skip
        self.name = str(self.begun["view"])

    async def piece(self) -> LivePiece:
        """As VideoCalls. Raises ApiError."""
        return msgspec.convert(await asyncio.to_thread(self._next), LivePiece, strict=False)

    async def end(self) -> None:
        """As VideoCalls; a node that has gone knows without."""
        name, self.name = self.name, ""
        if name:
            with suppress(ApiError):
                await asyncio.to_thread(self._call, "camera_view_end", view=name)

    def _next(self) -> dict[str, object]:
        answer = self._call("camera_view_next", view=self.name)
        return answer | {"data": base64.b64decode(str(answer.get("video", "")))}

    def _call(self, verb: str, **arguments: object) -> dict[str, object]:
        return NodeClient(self.args.dir).call(verb, timeout_s=CALL_TIMEOUT_S, **arguments)


@dataclass(slots=True)
class Recording:
    """What came into the file so far."""

    file: IO[bytes]
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)
    bytes: int = 0
    pictures: int = 0
    codec: str = ""
    lost_s: float = 0.0
    gaps: list[dict[str, float]] = field(default_factory=list)
    first_us: int = 0
    last_us: int = 0
    cut: str = ""
    """Why it ends before its time; empty when it does not."""

    def take(self, piece: LivePiece) -> None:
        """Write a piece. Raises OSError."""
        self.file.write(piece.data)
        self.digest.update(piece.data)
        if piece.lost_s:
            self.lost_s += piece.lost_s
            self.gaps += [{"at_us": piece.time_us, "lost_s": piece.lost_s}][: GAPS_MAX - len(self.gaps)]
        self.bytes += len(piece.data)
        self.pictures += piece.pictures
        self.codec = piece.codec
        self.first_us, self.last_us = self.first_us or piece.time_us, piece.time_us

    @property
    def facts(self) -> dict[str, object]:
        """For people and for the note."""
        names = ("bytes", "pictures", "codec", "first_us", "last_us", "gaps", "cut")
        return {name: getattr(self, name) for name in names} | {"lost_s": round(self.lost_s, 3), "sha256": self.digest.hexdigest()}


async def _written(args: argparse.Namespace, out: Path) -> int:
    calls = NodeVideo(args)
    await calls.begin()
    part = out.with_name(f".{out.name}.part")
    try:
        with _opened(part) as file:
            recording = await _recorded(args, calls, Recording(file))
        if recording.pictures:
            _finish(args, calls, recording, part, out)
    except OSError as error:
        raise CameraRefused(f"{out} cannot be written ({error.strerror}): name another file") from None
    finally:
        await calls.end()
        part.unlink(missing_ok=True)
    if not recording.pictures:
        raise LookFailed(_missing(args, recording.cut))
    _tell(args, calls, recording, out)
    return EXIT_OK if recording.cut in ("", STOPPED) else EXIT_NEGATIVE


async def _recorded(args: argparse.Namespace, calls: NodeVideo, recording: Recording) -> Recording:
    """What comes in the time asked for. A refusal before the first piece is raised; a later one cuts. Raises NodeError, OSError."""
    newest = Newest()
    filling, wished = asyncio.ensure_future(_filled(recording, pieces(calls, newest))), asyncio.ensure_future(end_wished().wait())
    try:
        done, _ = await asyncio.wait({filling, wished}, timeout=args.seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        wished.cancel()
        filling.cancel()
        await asyncio.wait({filling})
    if filling in done or not recording.pictures:
        recording.cut = recording.cut or newest.missing
    elif wished in done:
        recording.cut = STOPPED
    if not filling.cancelled() and (error := filling.exception()) is not None:
        if not (recording.pictures and isinstance(error, NodeError)):
            raise error
        recording.cut = str(error)
    recording.file.flush()
    os.fsync(recording.file.fileno())
    return recording


async def _filled(recording: Recording, coming: AsyncIterator[LivePiece]) -> None:
    """Take in pieces. Raises NodeError, OSError."""
    async for piece in coming:
        recording.take(piece)
        if recording.bytes > FILE_BYTES_MAX:
            recording.cut = "too-large"
            return


def _opened(part: Path) -> IO[bytes]:
    """A file for its owner alone. Raises OSError."""
    return os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb")


def _finish(args: argparse.Namespace, calls: NodeVideo, recording: Recording, part: Path, out: Path) -> None:
    """The note first: there is no video without one. Raises OSError."""
    note = {
        "camera": args.id, "for_person": args.by or getpass.getuser(), "why": args.why, "from_node": calls.begun["node"],
        "under": calls.begun["request"], "notice": NOTICE, **recording.facts,
    }  # fmt: skip
    write_durably(out.with_name(f"{out.name}.json"), msgspec.json.encode(note))
    part.replace(out)
    sync_folder(out.parent)


def _tell(args: argparse.Namespace, calls: NodeVideo, recording: Recording, out: Path) -> None:
    facts = recording.facts
    if args.json:
        print_json({"camera": args.id, "file": str(out), "node": calls.begun["node"], "request": calls.begun["request"], **facts})
        return
    seconds = (recording.last_us - recording.first_us) / 1e6
    print_line(
        text("camera.video_written", args.language, camera=args.id, file=out, bytes=recording.bytes, pictures=recording.pictures,
             codec=recording.codec, seconds=f"{seconds:.1f}")
    )  # fmt: skip
    talk(text("camera.video_note", args.language, file=f"{out.name}.json"))
    if recording.lost_s:
        talk(text("camera.video_lost", args.language, seconds=f"{recording.lost_s:.1f}", gaps=len(recording.gaps)))
    if recording.cut:
        talk(text("camera.video_cut", args.language, words=reason(args, recording.cut)))


async def _serve(args: argparse.Namespace) -> int:
    # A view that is refused is said here, not in a player.
    calls = NodeVideo(args)
    await calls.begin()
    try:
        first = await calls.piece()
    finally:
        await calls.end()
    if first.missing and first.missing not in COMING:
        raise LookFailed(_missing(args, first.missing, first.why))
    screen = VideoScreen(lambda: NodeVideo(args))
    await served(args, screen.answer, screen.wait_over, path=STREAM, more="camera.video_served_more")
    return EXIT_OK


def _missing(args: argparse.Namespace, word: str, why: str = "") -> str:
    """Why there is no video, for people."""
    words = reason(args, word or "no-picture")
    more = worded(why, args.language, camera=args.id)
    return text("camera.view_missing", args.language, camera=args.id, words=words, why=more).rstrip(" :：")


def reason(args: argparse.Namespace, word: str) -> str:
    """A word of the node for people; one of a newer node is repeated."""
    return text(f"camera.missing_{word.replace('-', '_')}", args.language) if word in REASONS else word
