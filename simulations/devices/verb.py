"""`yunnao simulate devices --count N --door HOST:PORT`: simulated MQTT devices against a running node's sensor door, with faults.

Live counts go to stderr; at the end, or after Ctrl-C, the ledger: sent, acknowledged, refused by reason. The exit code is 1 when no
device was let in or a reading stayed without an answer.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import ssl
from pathlib import Path
from typing import TextIO

from node.clock import SystemClock
from node.errors import EXIT_NEGATIVE, EXIT_OK
from node.links.strangers import DESCRIPTORS_KEPT, raise_descriptors
from node.texts import text
from node.verb import UsageError, VerbParser
from node.verbs.output import print_json, print_line, talk
from simulations.devices.device import Habits, Obedience
from simulations.devices.faults import Fault, FaultError, read_faults
from simulations.devices.ledger import Ledger
from simulations.devices.packets import V5, V311
from simulations.devices.park import COUNT_MAX, DRAIN_S, Park, ParkOptions

DEVICES = "devices"
BOTH = "both"
COUNT, SECONDS = 100, 30.0
"""Where no option says."""
VERSIONS = {"3.1.1": V311, "5": V5, BOTH: V311}
SECONDS_MAX = 7 * 86_400.0
RAMP_S_MAX, RAMP_SHARE = 5.0, 4
"""The devices come within this time, or within one part in so many of the run."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of a park of devices."""
    language = parser.language if isinstance(parser, VerbParser) else "en"

    def told(name: str) -> str:
        return text(f"park.option_{name}", language)

    group = parser.add_argument_group(text("park.group", language))
    group.add_argument("--count", type=int, help=told("count"))
    group.add_argument("--door", default="127.0.0.1:1883", metavar="HOST:PORT", help=told("door"))
    group.add_argument("--seconds", type=float, help=told("seconds"))
    group.add_argument("--readings", type=int, metavar="N", help=told("readings"))
    group.add_argument("--drain", type=float, default=DRAIN_S, metavar="SECONDS", help=told("drain"))
    group.add_argument("--interval", type=float, default=10.0, metavar="SECONDS", help=told("interval"))
    group.add_argument("--share", type=float, default=0.5, help=told("share"))
    group.add_argument("--resource", default="air-quality", help=told("resource"))
    group.add_argument("--prefix", default="park", help=told("prefix"))
    group.add_argument("--territory", help=told("territory"))
    group.add_argument("--qos", type=int, choices=(0, 1, 2), default=1, help=told("qos"))
    group.add_argument("--protocol", choices=sorted(VERSIONS), default=BOTH, help=told("protocol"))
    group.add_argument("--session", type=int, default=0, metavar="SECONDS", help=told("session"))
    group.add_argument("--will", action="store_true", help=told("will"))
    group.add_argument("--keep-alive", type=float, default=60.0, metavar="SECONDS", help=told("keep_alive"))
    group.add_argument("--commands", choices=[entry.value for entry in Obedience], default=Obedience.OFF.value, help=told("commands"))
    group.add_argument("--reconnect", type=float, default=5.0, metavar="SECONDS", help=told("reconnect"))
    group.add_argument("--ledger", type=Path, metavar="FILE", help=told("ledger"))
    group.add_argument("--user", help=told("user"))
    group.add_argument("--password-file", type=Path, metavar="FILE", help=told("password_file"))
    group.add_argument("--cafile", type=Path, metavar="FILE", help=told("cafile"))


def is_asked(args: argparse.Namespace) -> bool:
    """True when the arguments name a park of devices."""
    return bool(args.what == DEVICES)


def run(args: argparse.Namespace) -> int:
    """Run the park and print its ledger."""
    # Simulated cameras have the same two options and defaults of their own.
    args.count = COUNT if args.count is None else args.count
    args.seconds = SECONDS if args.seconds is None else args.seconds
    options = _options(args)
    try:
        with contextlib.ExitStack() as stack:
            file: TextIO | None = None if args.ledger is None else stack.enter_context(args.ledger.open("a", encoding="utf-8"))
            ledger = asyncio.run(_run(Park(options, SystemClock(), ledger=Ledger(file)), args.language))
    except OSError as error:
        raise UsageError(f"--ledger {args.ledger} cannot be written: {error.strerror}") from error
    _show(ledger, args)
    return EXIT_OK if ledger.connections and not ledger.unanswered else EXIT_NEGATIVE


async def _run(park: Park, language: str) -> Ledger:
    def tell() -> None:
        ledger = park.ledger
        refused = sum(ledger.refused.values())
        talk(text("park.live", language, connected=park.connected, sent=ledger.sent, acked=ledger.acked, refused=refused))

    # Whoever stops it wants to know what was acknowledged until then.
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, park.stop)
    return await park.run(tell)


def _options(args: argparse.Namespace) -> ParkOptions:
    if not 1 <= args.count <= COUNT_MAX or args.count > (room := raise_descriptors() - DESCRIPTORS_KEPT):
        bound = COUNT_MAX if not 1 <= args.count <= COUNT_MAX else room
        raise UsageError(f"--count {args.count} refused: 1 to {bound} here; the system's limit of open files (ulimit -n) bounds it too")
    for name, most in (
        ("seconds", SECONDS_MAX),
        ("drain", SECONDS_MAX),
        ("reconnect", SECONDS_MAX),
        ("interval", SECONDS_MAX),
        ("share", 1.0),
    ):
        given = getattr(args, name)
        if not 0 < given <= most:
            raise UsageError(f"--{name} {given:g} refused: above 0 and at most {most:g}")
    if args.readings is not None and args.readings < 1:
        raise UsageError(f"--readings {args.readings} refused: 1 or more, or none for as many as there is time for")
    return ParkOptions(
        count=args.count, seed=args.seed, habits=_habits(args), every_s=args.interval, seconds=args.seconds, faults=_faults(args.faults),
        share=args.share, keep_alive_s=args.keep_alive, prefix=args.prefix, territory=args.territory,
        readings=args.readings, drain_s=args.drain, has_both_versions=args.protocol == BOTH,
        ramp_s=min(RAMP_S_MAX, args.seconds / RAMP_SHARE),
    )  # fmt: skip


def _faults(words: str) -> frozenset[Fault]:
    # `--faults on` is what a simulated city is run with unless told otherwise; devices are sound unless told otherwise.
    try:
        return frozenset() if words in ("on", "off") else read_faults(words)
    except FaultError as error:
        raise UsageError(str(error)) from error


def _habits(args: argparse.Namespace) -> Habits:
    host, _, port = str(args.door).rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65_536:
        raise UsageError(f"--door {args.door!r} is not HOST:PORT, such as 127.0.0.1:1883")
    if not 2 <= args.keep_alive <= 65_535:
        raise UsageError(f"--keep-alive {args.keep_alive:g} refused: 2 to 65535 seconds")
    try:
        password = None if args.password_file is None else args.password_file.read_text("utf-8").split("\n", 1)[0]
        tls = None if args.cafile is None else ssl.create_default_context(cafile=str(args.cafile))
    except OSError as error:
        raise UsageError(f"--password-file or --cafile cannot be read: {error}") from error
    return Habits(
        host.strip("[]"), int(port), args.resource, VERSIONS[args.protocol], args.qos, args.session == 0, args.session, args.will,
        args.user, password, tls, Obedience(args.commands), args.reconnect,
    )  # fmt: skip


def _show(ledger: Ledger, args: argparse.Namespace) -> None:
    facts = ledger.facts()
    if args.json:
        print_json(facts)
        return
    print_line(text("park.end", args.language, **{name: value for name, value in facts.items() if isinstance(value, int)}))
    for key, counts in (("park.refused", ledger.refused), ("park.command", ledger.commands)):
        for reason, count in sorted(counts.items()):
            print_line(text(key, args.language, reason=reason, count=count))
