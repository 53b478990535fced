"""`yunnao profile`: an installer's tool. What profiles there are, what one says, whether a file holds, and what a message becomes by it.

Needs no running node. `poll` asks a Modbus device once. A message that cannot be read is told with its reason, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from node.clock import SystemClock
from node.config.config import CONFIG_NAME, load_config, split_address
from node.errors import EXIT_NEGATIVE, EXIT_OK
from node.ingest.decode import decode
from node.ingest.errors import DecodeError
from node.ingest.hj212.frame import Framer as Hj212Framer
from node.ingest.jt808.parts import JoiningFramer
from node.ingest.lorawan.payload import payload_values
from node.ingest.lorawan.uplink import UplinkReader
from node.ingest.modbus.line import Line, ModbusFault
from node.ingest.modbus.registers import blocks, values
from node.ingest.modbus.wiring import registers_of
from node.ingest.profile_files.build import profile_of
from node.ingest.profile_files.load import SUFFIX, profile_paths, read_profile
from node.ingest.profile_files.model import ProfileFile, QuantityEntry
from node.ingest.profiles import Profile
from node.ingest.report_door import Framer
from node.ingest.sink import Reading
from node.ingest.sl651.frame import Framer as Sl651Framer
from node.texts import text
from node.verb import UsageError, Verb
from node.verbs.actions import Actions
from node.verbs.output import moment_text, print_json, print_line, print_table, talk

MESSAGE_BYTES_MAX = 1 << 20
RESOURCE = "any-resource"
"""Stands for the resource where a profile leaves it to the configuration."""
TERRITORY = "00"
FRAMERS: Mapping[str, Callable[[], Framer]] = {"hj212": Hj212Framer, "jt808": JoiningFramer, "sl651": Sl651Framer}
"""Formats whose messages come in frames, which an installer has rather than what is in them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-verbs."""
    actions = Actions(parser, "profile")
    actions.add("list")
    actions.add("show").add_argument("profile", metavar="PROFILE", help=actions.help("profile"))
    actions.add("check").add_argument("files", nargs="+", type=Path, metavar="FILE", help=actions.help("files"))
    tried = actions.add("try")
    tried.add_argument("profile", metavar="PROFILE", help=actions.help("profile"))
    source = tried.add_mutually_exclusive_group(required=True)
    source.add_argument("--message", metavar="FILE", help=actions.help("option_message"))
    source.add_argument("--payload", metavar="HEX", help=actions.help("option_payload"))
    tried.add_argument("--hex", action="store_true", help=actions.help("option_hex"))
    tried.add_argument("--port", type=int, default=1, metavar="N", help=actions.help("option_port"))
    tried.add_argument("--topic", default="", metavar="TOPIC", help=actions.help("option_topic"))
    polled = actions.add("poll")
    polled.add_argument("profile", metavar="PROFILE", help=actions.help("profile"))
    polled.add_argument("address", metavar="HOST:PORT", help=actions.help("address"))
    polled.add_argument("--unit", type=int, default=1, metavar="N", help=actions.help("option_unit"))
    polled.add_argument("--timeout", type=float, default=3.0, metavar="S", help=actions.help("option_timeout"))


def run(args: argparse.Namespace) -> int:
    """Do what the sub-verb says."""
    return ACTIONS[args.action](args)


def _list(args: argparse.Namespace) -> int:
    paths = _paths(args.dir)
    files = {name: read_profile(path) for name, path in sorted(paths.items())}
    if args.json:
        print_json([_summary(name, paths[name], file) for name, file in files.items()])
        return EXIT_OK
    rows = [[name, file.format, len(file.quantity), len(file.command), file.source] for name, file in files.items()]
    print_table(text("profile.list_columns", args.language).split("|"), rows)
    return EXIT_OK


def _summary(name: str, path: Path, file: ProfileFile) -> dict[str, object]:
    return {"name": name, "file": str(path), "format": file.format, "topic": file.topic, "source": file.source}


def _show(args: argparse.Namespace) -> int:
    name, path = _found(args.profile, args.dir)
    file = read_profile(path)
    rows = [
        [entry.name, _place(entry), entry.unit, entry.store or entry.unit, _bound(entry.low), _bound(entry.high)] for entry in file.quantity
    ]
    if args.json:
        print_json(_summary(name, path, file) | {"quantities": rows, "commands": [command.name for command in file.command]})
        return EXIT_OK
    for key in ("source", "format", "topic", "resource", "device", "time", "decoder", "period_s", "battery"):
        if value := getattr(file, key):
            print_line(f"{key} = {value}")
    print_table(text("profile.show_columns", args.language).split("|"), rows)
    for command in file.command:
        print_line(text("profile.command", args.language, name=command.name, arguments=", ".join(each.name for each in command.argument)))
    return EXIT_OK


def _check(args: argparse.Namespace) -> int:
    for path in args.files:
        file = read_profile(path)
        talk(text("profile.holds", args.language, path=path, format=file.format, count=len(file.quantity)))
    return EXIT_OK


def _try(args: argparse.Namespace) -> int:
    name, path = _found(args.profile, args.dir)
    file = read_profile(path)
    topic = args.topic or _plain_topic(file.topic)
    profile = profile_of(name, file, topic="#", resource=file.resource or RESOURCE, territory=TERRITORY)
    now_us = SystemClock().wall_us()
    try:
        readings = list(_readings(args, file.format, profile, topic, now_us))
    except DecodeError as error:
        talk(text("profile.refused", args.language, reason=error.reason, detail=error.detail))
        return EXIT_NEGATIVE
    _print_readings(args, readings)
    return EXIT_OK


def _readings(args: argparse.Namespace, format_: str, profile: Profile, topic: str, now_us: int) -> Iterator[Reading]:
    if args.payload is not None:
        if not isinstance(profile.reader, UplinkReader):
            raise UsageError(
                f"--payload is the payload of a LoRaWAN device, and profile {profile.name} has format {format_}: use --message"
            )
        found = payload_values(profile.reader.decoder, _unhexed(args.payload), args.port)
        readings = [Reading(now_us, profile.territory, profile.grade, "device", *value) for value in found]
        yield from readings if profile.rules is None else profile.rules.applied(readings)
        return
    raw = _message(args.message)
    data = _unhexed(raw.decode("ascii", "replace")) if args.hex else raw
    for segment in _segments(format_, data):
        yield from decode(profile, topic, segment, now_us)


def _segments(format_: str, data: bytes) -> list[bytes]:
    framer = FRAMERS.get(format_)
    return (list(framer().feed(data)) if framer else []) or [data]


def _poll(args: argparse.Namespace) -> int:
    name, path = _found(args.profile, args.dir)
    file = read_profile(path)
    if file.format != "modbus":
        raise UsageError(f"profile {name} has format {file.format}: only devices of format modbus are polled")
    try:
        host, port = split_address(args.address)
    except ValueError as error:
        raise UsageError(f"{error}: write for example 10.0.0.5:502") from None
    profile = profile_of(name, file, topic="#", resource=RESOURCE, territory=TERRITORY)
    try:
        readings = asyncio.run(_asked(file, profile, Line(host, port, timeout_s=args.timeout), args.unit))
    except (ModbusFault, DecodeError) as error:
        talk(str(error))
        return EXIT_NEGATIVE
    _print_readings(args, readings)
    return EXIT_OK


async def _asked(file: ProfileFile, profile: Profile, line: Line, unit: int) -> list[Reading]:
    now_us = SystemClock().wall_us()
    readings: list[Reading] = []
    try:
        for block in blocks(registers_of(file)):
            words = await line.read(block.function, block.address, block.count, unit=unit)
            for value in values(block, words):
                if isinstance(value, DecodeError):
                    talk(str(value))
                else:
                    readings.append(Reading(now_us, profile.territory, profile.grade, f"unit-{unit}", *value))
    finally:
        line.close()
    return readings if profile.rules is None else profile.rules.applied(readings)


def _print_readings(args: argparse.Namespace, readings: list[Reading]) -> None:
    if args.json:
        print_json([reading._asdict() for reading in readings])
        return
    rows = [
        [reading.device, reading.quantity, reading.value, reading.unit, reading.text, moment_text(reading.event_time_us)]
        for reading in readings
    ]
    print_table(text("profile.try_columns", args.language).split("|"), [["" if cell is None else cell for cell in row] for row in rows])
    print_line(text("profile.readings", args.language, count=len(readings)))


def _paths(folder: Path) -> dict[str, Path]:
    """The profiles that a node in `folder` would find; the shipped ones where there is no node."""
    if not (folder / CONFIG_NAME).exists():
        return profile_paths(None)
    config = load_config(folder / CONFIG_NAME)
    own = config.devices.profile_folder
    return profile_paths(config.resolve(own) if own else None)


def _found(named: str, folder: Path) -> tuple[str, Path]:
    """Name and file of a profile that is named by either."""
    if named.endswith(SUFFIX):
        return Path(named).stem, Path(named)
    paths = _paths(folder)
    if named not in paths:
        raise UsageError(f"there is no profile {named!r}: `yunnao profile list` shows those there are, or name a {SUFFIX} file")
    return named, paths[named]


def _place(entry: QuantityEntry) -> str:
    """Where in a message a quantity stands."""
    if entry.value:
        return entry.value
    if entry.address is not None:
        return f"{entry.function} {entry.address} {entry.type}"
    if entry.channel is not None and entry.kind is not None:
        return f"{entry.channel:02x} {entry.kind:02x} {entry.type}"
    return f"{entry.at} {entry.type}" if entry.at is not None else ""


def _bound(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _plain_topic(topic_filter: str) -> str:
    return topic_filter.replace("+", "device").replace("#", "device") or "device"


def _message(name: str) -> bytes:
    try:
        if name == "-":
            return sys.stdin.buffer.read(MESSAGE_BYTES_MAX)
        with Path(name).open("rb") as file:
            return file.read(MESSAGE_BYTES_MAX)
    except OSError as error:
        raise UsageError(f"message {name!r} cannot be read ({error.strerror}): name a file, or - for standard input") from None


def _unhexed(digits: str) -> bytes:
    try:
        return bytes.fromhex(digits)
    except ValueError:
        raise UsageError(f"{digits[:40]!r} is not hex: write two digits for each byte") from None


ACTIONS = {"list": _list, "show": _show, "check": _check, "try": _try, "poll": _poll}
VERB = Verb("profile", "cli.help_profile", add_arguments, run)
