"""`yunnao simulate cameras --count N`: simulated RTSP cameras on loopback, which play a clip over and over, with faults.

Their addresses go to stdout; they serve until Ctrl-C or for `--seconds`, then tell what they saw. Called by simulations/verb.py.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import tempfile
from pathlib import Path
from random import Random

from node.errors import EXIT_OK
from node.texts import text
from node.verb import UsageError, VerbParser
from node.verbs.output import print_json, print_line
from simulations.devices.rtsp_camera import HASHES, CameraFault, CameraOptions, SimulatedCamera
from simulations.devices.rtsp_clip import Clip, ClipError, read_mp4

CAMERAS = "cameras"
COUNT = 4
COUNT_MAX = 64
"""Cameras of one process."""
CLIP_S = 10.0
"""Of the rendered streets."""
CLIPS_MAX = 8
AFTER_S = 10.0
AFTER_S_MAX = 3600.0
PORT_MAX = 65_535
FPS_MAX = 120.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of cameras only; they share --count, --seconds, --seed, --share, --faults, --user and --password-file with devices."""
    language = parser.language if isinstance(parser, VerbParser) else "en"

    def told(name: str) -> str:
        return text(f"rtsp.option_{name}", language)

    group = parser.add_argument_group(text("rtsp.group", language))
    group.add_argument("--clip", type=Path, action="append", default=[], metavar="FILE", help=told("clip"))
    group.add_argument("--port", type=int, default=0, help=told("port"))
    group.add_argument("--after", type=float, default=AFTER_S, metavar="SECONDS", help=told("after"))
    group.add_argument("--fps", type=float, help=told("fps"))
    group.add_argument("--hash", choices=sorted(HASHES), default="MD5", help=told("hash"))


def is_asked(args: argparse.Namespace) -> bool:
    """True when the arguments name simulated cameras."""
    return bool(args.what == CAMERAS)


def run(args: argparse.Namespace) -> int:
    """Serve, then tell."""
    cameras = [SimulatedCamera(options) for options in _options(args)]
    try:
        asyncio.run(_serve(cameras, args))
    except OSError as error:
        raise UsageError(f"--port {args.port} refused: {error.strerror or error}; give another, or 0 for any") from error
    for number, camera in enumerate(cameras, 1):
        counts = camera.counts
        facts = {"number": number, "connections": counts.connections, "plays": counts.plays, "refused": counts.logins_refused}
        print_json(facts) if args.json else print_line(text("rtsp.end", args.language, **facts))
    return EXIT_OK


async def _serve(cameras: list[SimulatedCamera], args: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for ending in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(ending, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        for number, camera in enumerate(cameras):
            await camera.start(args.port + number if args.port else 0)
            stack.push_async_callback(camera.close)
            faults = ", ".join(sorted(camera.options.faults)) or "-"
            facts = {"number": number + 1, "url": camera.url_shown, "faults": faults}
            print_json(facts) if args.json else print_line(text("rtsp.camera", args.language, **facts))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), args.seconds)


def _options(args: argparse.Namespace) -> list[CameraOptions]:
    count = COUNT if args.count is None else args.count
    fps = 1.0 if args.fps is None else args.fps
    bounds = (
        ("count", count, 1, COUNT_MAX),
        ("after", args.after, 0.1, AFTER_S_MAX),
        ("fps", fps, 0.1, FPS_MAX),
        ("share", args.share, 0, 1),
    )
    for name, given, least, most in bounds:
        if not least <= given <= most:
            raise UsageError(f"--{name} {given:g} refused: {least:g} to {most:g}")
    if args.port and not 1 <= args.port <= PORT_MAX - count:
        raise UsageError(f"--port {args.port} refused: 0 for any, or 1 to {PORT_MAX - count} for {count} cameras")
    faults, password, clips = _faults(args.faults), _password(args), _clips(args)
    rng = Random(args.seed)  # noqa: S311 - which cameras have faults, not keys
    return [
        CameraOptions(
            clips=clips[number % len(clips) :] + clips[: number % len(clips)],
            faults=faults if rng.random() < args.share else frozenset(),
            after_s=args.after, user=args.user or "", password=password, algorithm=args.hash, fps=args.fps, seed=args.seed + number,
        )
        for number in range(count)
    ]  # fmt: skip


def _faults(words: str) -> frozenset[CameraFault]:
    # As for devices: `on` is what cities have unless told otherwise; cameras are sound unless told otherwise.
    if words in ("on", "off"):
        return frozenset()
    known = {fault.value for fault in CameraFault}
    for word in words.split(","):
        if word not in known:
            raise UsageError(f"--faults {word!r} refused: cameras have {', '.join(sorted(known))}")
    return frozenset(CameraFault(word) for word in words.split(","))


def _password(args: argparse.Namespace) -> str:
    if args.password_file is None:
        return ""
    try:
        return str(args.password_file.read_text("utf-8").split("\n", 1)[0])
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--password-file {args.password_file} cannot be read: {error}") from error


def _clips(args: argparse.Namespace) -> tuple[Clip, ...]:
    """The files named, or two rendered streets of different size."""
    if len(args.clip) > CLIPS_MAX:
        raise UsageError(f"{len(args.clip)} clips refused: at most {CLIPS_MAX}")
    try:
        return tuple(read_mp4(path) for path in args.clip) or _rendered(args.seed)
    except (OSError, ClipError) as error:
        raise UsageError(f"--clip refused: {error}") from error


def _rendered(seed: int) -> tuple[Clip, ...]:
    # Every command of the program loads this module; the library that writes videos is large.
    from simulations.devices.street_clip import write_street_clip

    with tempfile.TemporaryDirectory(prefix="yunnao-clips-") as folder:
        clips = []
        for scale in (2, 1):
            path = Path(folder, f"street-{scale}.mp4")
            write_street_clip(path, seed=seed, seconds=CLIP_S, scale=scale)
            clips.append(read_mp4(path))
        return tuple(clips)
