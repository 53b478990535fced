"""A command that serves something on loopback until somebody ends it or nobody looks. Called by camera_view.py and camera_video.py."""

from __future__ import annotations

import argparse
import asyncio
import signal
from collections.abc import Awaitable, Callable

from node.loopback.server import Handler, LoopbackServer
from node.texts import text
from node.verbs.output import print_json, print_line, talk

IDLE_S = 600.0
"""After which a command ends that nobody watches."""


def end_wished() -> asyncio.Event:
    """Set once somebody ends the command, by Ctrl-C or from outside."""
    wished = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, wished.set)
    return wished


async def served(args: argparse.Namespace, answer: Handler, wait_over: Callable[[float], Awaitable[None]], *, path: str, more: str) -> None:
    """Serve `answer` at an address that ends in `path`, told with the text `more`. Raises PortRefused, and what `wait_over` raises."""
    server = LoopbackServer(answer)
    await server.start(args.serve)
    wished, address = end_wished(), server.address + path
    if args.json:
        print_json({"camera": args.id, "address": address})
    else:
        print_line(text("camera.view_served", args.language, address=address))
        talk(text(more, args.language, port=server.port))
    over, ended = asyncio.ensure_future(wait_over(IDLE_S)), asyncio.ensure_future(wished.wait())
    try:
        await asyncio.wait({over, ended}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        ended.cancel()
        await server.stop()
    if over.done():
        over.result()
        talk(text("camera.view_idle", args.language))
    over.cancel()
