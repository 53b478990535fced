"""`yunnao camera zone ID --page`: the page on loopback where a person draws a rule with the mouse, for as long as the command runs."""

from __future__ import annotations

import argparse
import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from edge_ai.looks.values import Look
from node.cameras.listing import CameraList, held_list, spec_of
from node.cameras.looking import look
from node.cameras.zone_page import ZonePage
from node.config.config import CONFIG_NAME
from node.errors import EXIT_OK
from node.loopback.page import Page
from node.loopback.server import LoopbackServer
from node.texts import text
from node.verb import UsageError
from node.verbs.folder import read_config
from node.verbs.output import print_json, print_line, talk

LOOK_S = 2.0
IDLE_S = 1_800.0
"""After which the command ends that nobody uses: the page can change the list of cameras."""
LOOK_EVERY_S = 1.0
WORDS = (
    "as_it_is", "begin", "classes", "clear", "done", "full", "gone", "keys", "kind", "name", "over", "picture", "rules", "save", "undo",
)  # fmt: skip

Noted = Callable[[CameraList, str, list[str]], AbstractContextManager[None]]


def show_page(args: argparse.Namespace, noted: Noted, reloaded: Callable[[], str]) -> int:
    """Look at the camera once, then serve its page. Raises LookFailed before anything is served."""
    if not 0 <= args.page <= 65_535:
        raise UsageError(f"--page {args.page} refused: a port from 1 to 65535, or 0 for any")
    if args.rule or args.cells or args.points or args.drop or args.no_picture:
        raise UsageError("--page goes alone: what a rule is called and where it looks is said on the page")
    still = _still(CameraList(read_config(args.dir)), args.id, args.language)

    @contextmanager
    def changed() -> Iterator[CameraList]:
        with held_list(args.dir / CONFIG_NAME, "camera zone") as listed:
            yield listed
            with noted(listed, "zone", [args.id]):
                listed.save()

    def told() -> str:
        return text(f"camera.taken_{reloaded()}", args.language)

    words: dict[str, object] = {name: text(f"camera.zone_{name}", args.language) for name in WORDS}

    def page(known: dict[str, object]) -> Page:
        return Page("node.cameras", "zone.html", args.language, {"title": args.id, "words": words, **known})

    shown = ZonePage(args.id, still, lambda: CameraList(read_config(args.dir)), changed, told, page)
    return asyncio.run(_served(args, shown))


def _still(listed: CameraList, camera: str, language: str) -> bytes:
    """A JPEG of what the camera shows now. Raises CameraUnknown, LookFailed."""
    spec = spec_of(listed.config, listed.find(camera), listed.credentials)
    with TemporaryDirectory(prefix="yunnao-zone-") as folder:
        file = Path(folder) / "still.jpg"
        look(Look(camera=spec, seconds=LOOK_S, still=str(file)), language)
        return file.read_bytes()


async def _served(args: argparse.Namespace, shown: ZonePage) -> int:
    server = LoopbackServer(shown.answer)
    await server.start(args.page)
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, shown.done.set)
    if args.json:
        print_json({"camera": args.id, "address": server.address})
    else:
        print_line(server.address)
        talk(text("camera.zone_served", args.language, port=server.port))
    try:
        await _wait_over(shown)
    finally:
        await server.stop()
    return EXIT_OK


async def _wait_over(shown: ZonePage) -> None:
    """Until the page says so, a signal came, or nobody has asked for anything for IDLE_S."""
    asked, idle_s = shown.asked, 0.0
    while not shown.done.is_set() and idle_s < IDLE_S:
        try:
            async with asyncio.timeout(LOOK_EVERY_S):
                await shown.done.wait()
        except TimeoutError:
            idle_s = idle_s + LOOK_EVERY_S if asked == shown.asked else 0.0
            asked = shown.asked
