"""`yunnao camera view`: what a camera shows now, masked and stamped, into a file or for a browser on loopback.

Its own video, not masked, is camera_video.py's.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import getpass
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from node.cameras.errors import CameraRefused, LookFailed
from node.cameras.viewing.screen import Screen
from node.client import ApiError, NodeClient
from node.errors import EXIT_OK
from node.files import write_durably
from node.loopback.page import Page
from node.texts import text
from node.texts.reasons import worded
from node.verb import UsageError
from node.verbs.actions import Actions
from node.verbs.camera_video import SECONDS, SECONDS_MAX, watch
from node.verbs.loopback import served
from node.verbs.output import print_json, print_line

CALL_TIMEOUT_S = 45.0
PICTURE_S = 20.0
"""How long `--out` waits for a picture."""
AGAIN_S = 0.5
FPS, FPS_MAX = 2.0, 10.0
CLEARANCES = ("L1", "L2", "L3", "L4")
COMING = frozenset({"same", "no-picture", "pace", "busy", "silent", "connecting", "not-coded"})
"""Why there is no picture yet; whatever else is said does not pass by itself soon."""
REASONS = ("busy", "connecting", "lost", "no-picture", "not-analysed", "not-coded", "off", "pace", "records-first", "same", "silent")


def add_view_words(actions: Actions) -> None:
    """The word `view` with its options."""
    words = actions.add("view")
    words.add_argument("id", metavar="ID", help=actions.help("id"))
    words.add_argument("--node", default="", metavar="NODE", help=actions.help("option_view_node"))
    words.add_argument("--request", default="", metavar="ID", help=actions.help("option_view_request"))
    words.add_argument("--out", type=Path, metavar="FILE", help=actions.help("option_view_out"))
    words.add_argument("--unmasked-video", action="store_true", help=actions.help("option_unmasked_video"))
    words.add_argument(
        "--seconds", type=float, default=SECONDS, metavar="N", help=actions.help("option_video_seconds", most=f"{SECONDS_MAX:g}")
    )
    words.add_argument("--serve", type=int, nargs="?", const=0, metavar="PORT", help=actions.help("option_serve"))
    words.add_argument("--fps", type=float, default=FPS, metavar="N", help=actions.help("option_fps", most=f"{FPS_MAX:g}"))
    words.add_argument("--by", metavar="NAME", help=actions.help("option_view_by"))
    words.add_argument("--clearance", choices=CLEARANCES, default="L2", help=actions.help("option_view_clearance"))
    words.add_argument("--why", default="", metavar="TEXT", help=actions.help("option_view_why"))


def view(args: argparse.Namespace) -> int:
    """Show a camera."""
    if args.serve is not None and args.out is not None:
        raise UsageError("give --out or --serve, one of them")
    if not 0 < args.fps <= FPS_MAX:
        raise UsageError(f"--fps {args.fps:g} refused: more than 0, at most {FPS_MAX:g}")
    if args.serve is not None and not 0 <= args.serve <= 65_535:
        raise UsageError(f"--serve {args.serve} refused: a port from 1 to 65535, or 0 for any")
    if args.unmasked_video:
        return watch(args)
    calls = NodeCalls(NodeClient(args.dir), args)
    return _written(args, calls) if args.serve is None else asyncio.run(_served(args, calls))


@dataclass(slots=True)
class NodeCalls:
    """A view of the running node, over its API."""

    client: NodeClient
    args: argparse.Namespace
    name: str = ""
    why: str = ""
    """More about why the newest answer had no picture."""

    def open(self) -> dict[str, object]:
        """Begin the view. Raises ApiError."""
        args = self.args
        begun = self.client.call(
            "camera_view_begin", timeout_s=CALL_TIMEOUT_S, camera=args.id, node=args.node, request=args.request,
            by=args.by or getpass.getuser(), clearance=int(args.clearance[1:]), why=args.why,
        )  # fmt: skip
        self.name = str(begun["view"])
        return begun

    def picture(self) -> tuple[bytes, str]:
        """The next picture, or nothing and why. Raises ApiError."""
        answer = self.client.call("camera_view_next", timeout_s=CALL_TIMEOUT_S, view=self.name)
        self.why = worded(str(answer.get("why", "")), self.args.language, camera=self.args.id)
        return base64.b64decode(str(answer.get("jpeg", ""))), str(answer.get("missing", ""))

    def close(self) -> None:
        """End the view; a node that has gone knows without."""
        name, self.name = self.name, ""
        if name:
            with suppress(ApiError):
                self.client.call("camera_view_end", timeout_s=CALL_TIMEOUT_S, view=name)

    async def begin(self) -> None:
        """As `open`."""
        await asyncio.to_thread(self.open)

    async def next(self) -> tuple[bytes, str]:
        """As `picture`."""
        return await asyncio.to_thread(self.picture)

    async def end(self) -> None:
        """As `close`."""
        await asyncio.to_thread(self.close)


def _written(args: argparse.Namespace, calls: NodeCalls) -> int:
    out: Path = args.out or Path(f"{args.id}-live.jpg")
    if out.suffix.lower() not in (".jpg", ".jpeg"):
        raise UsageError(f"--out {out} refused: name a file that ends in .jpg")
    begun = calls.open()
    try:
        jpeg = asyncio.run(_first(args, calls))
    finally:
        calls.close()
    try:
        write_durably(out, jpeg)
    except OSError as error:
        raise CameraRefused(f"{out} cannot be written ({error.strerror}): name another file") from None
    if args.json:
        print_json({"camera": args.id, "file": str(out), "bytes": len(jpeg), "node": begun["node"], "request": begun["request"]})
    else:
        print_line(text("camera.viewed", args.language, camera=args.id, file=out, bytes=len(jpeg)))
    return EXIT_OK


async def _first(args: argparse.Namespace, calls: NodeCalls) -> bytes:
    """The first picture that comes. Raises LookFailed, ApiError."""
    missing = "no-picture"
    with suppress(TimeoutError):
        async with asyncio.timeout(PICTURE_S):
            while missing in COMING:
                jpeg, missing = await calls.next()
                if jpeg:
                    return jpeg
                await asyncio.sleep(AGAIN_S)
    words = text(f"camera.missing_{missing.replace('-', '_')}", args.language) if missing in REASONS else missing
    raise LookFailed(text("camera.view_missing", args.language, camera=args.id, words=words, why=calls.why).rstrip(" :："))


async def _served(args: argparse.Namespace, calls: NodeCalls) -> int:
    # A view that is refused is said here, not in a browser.
    await calls.begin()
    await calls.end()
    screen = Screen(calls, _page(args), 1 / args.fps)
    try:
        await served(args, screen.answer, screen.wait_over, path="", more="camera.view_served_more")
    finally:
        await screen.stop()
    return EXIT_OK


def _page(args: argparse.Namespace) -> Page:
    words = {name: text(f"camera.page_{name}", args.language) for name in ("still", "live", "waits", "missing", "ended", "gone")}
    reasons = {name: text(f"camera.missing_{name.replace('-', '_')}", args.language) for name in REASONS}
    title = f"{args.id} · {args.node}" if args.node else args.id
    return Page("node.cameras.viewing", "view.html", args.language, {"title": title, "words": words, "reasons": reasons})
