"""`yunnao camera discover`: cameras that answer on a network, with their streams, and a sheet of them that `import` reads."""

from __future__ import annotations

import argparse
from ipaddress import IPv4Address
from pathlib import Path
from urllib.parse import urlsplit

from node.cameras.credentials import Credentials
from node.cameras.discovery import MULTICAST, OnvifCamera, Stream, discover
from node.cameras.errors import CameraRefused
from node.cameras.list_sheet import COLUMNS
from node.cameras.onvif_xml import Found
from node.cameras.templates import Stream as Which
from node.cameras.templates import checked_host
from node.catalogue.csv_sheet import write_csv
from node.clock import SystemClock
from node.config.check import split_address
from node.errors import EXIT_NEGATIVE, EXIT_OK
from node.identity.chance import new_id, new_nonce
from node.texts import text
from node.verb import UsageError
from node.verbs.actions import Actions
from node.verbs.camera_password import asked_password
from node.verbs.output import print_json, print_line, print_table, talk

SECONDS_MAX = 60.0
SERVICE_PATH = "/onvif/device_service"
"""Where a camera that is not found by itself is asked (ONVIF Core, section 5.1)."""
SHEET_KEYS = ("id", "name", "source", "user")


def add_discover_words(actions: Actions) -> None:
    """The word `discover` with its options."""
    words = actions.add("discover")
    words.add_argument("--interface", required=True, metavar="IP", help=actions.help("option_interface"))
    words.add_argument("--target", metavar="HOST:PORT", help=actions.help("option_target"))
    words.add_argument("--seconds", type=float, default=3.0, metavar="S", help=actions.help("option_wait", most=f"{SECONDS_MAX:g}"))
    words.add_argument("--user", help=actions.help("option_ask_as"))
    words.add_argument("--out", type=Path, metavar="FILE", help=actions.help("option_sheet"))


def list_found(args: argparse.Namespace) -> int:
    """Ask the network, then each camera; 1 when nobody answers."""
    if not 0 < args.seconds <= SECONDS_MAX:
        raise UsageError(f"--seconds {args.seconds:g} refused: more than 0, at most {SECONDS_MAX:g}")
    if args.out is not None and args.out.suffix.lower() != ".csv":
        raise UsageError(f"--out {args.out} refused: name a file that ends in .csv")
    login = None
    if args.user is not None:
        login = Credentials(args.user, asked_password(text("camera.password_ask_all", args.language, user=args.user)))
    found = _probe(args)
    rows = [_row(camera, login) for camera in found]
    if args.out is not None:
        _write(args.out, rows, args.user or "", args.language)
    if args.json:
        print_json({"cameras": rows})
    else:
        keys = ("host", "name", "hardware", "sub", "main", "why")
        print_table(text("camera.discover_columns", args.language).split("|"), [[row[key] or "-" for key in keys] for row in rows])
        print_line(text("camera.discovered", args.language, count=len(rows)))
        if not rows:
            talk(text("camera.discovered_none", args.language, interface=args.interface))
    return EXIT_OK if rows else EXIT_NEGATIVE


def _probe(args: argparse.Namespace) -> list[Found]:
    try:
        target = split_address(args.target) if args.target else MULTICAST
    except ValueError as error:
        raise UsageError(f"--target: {error}") from None
    raw = new_id(16)
    message = "-".join((raw[:8], raw[8:12], raw[12:16], raw[16:20], raw[20:]))
    try:
        interface = str(IPv4Address(args.interface))
        return discover(SystemClock(), interface=interface, target=target, seconds=args.seconds, message_id=message)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise CameraRefused(f"--interface {args.interface} cannot be asked from ({why}): give an IPv4 address of this box") from None


def _row(camera: Found, login: Credentials | None) -> dict[str, str]:
    service = camera.services[0] if camera.services else ""
    host = urlsplit(service).hostname or "" if service else ""
    row = {"host": host, "name": camera.name, "hardware": camera.hardware, "service": service, "main": "", "sub": "", "why": ""}
    if not service:
        return row | {"why": "names no address"}
    try:
        main, sub = main_and_sub(streams_of(service, login))
    except CameraRefused as error:
        return row | {"why": str(error)}
    return row | {"main": main, "sub": sub}


def streams_of(service: str, login: Credentials | None) -> list[Stream]:
    """The streams of the camera whose device service this is. Raises CameraRefused."""
    return OnvifCamera(service, login, SystemClock(), new_nonce).streams()


def onvif_address(host: str, *, port: int | None, stream: Which, login: Credentials | None) -> str:
    """The address of a camera's stream, asked of the camera itself. Raises CameraRefused."""
    place = checked_host(host) + (f":{port}" if port is not None else "")
    main, sub = main_and_sub(streams_of(f"http://{place}{SERVICE_PATH}", login))
    return main if stream is Which.MAIN else sub


def main_and_sub(streams: list[Stream]) -> tuple[str, str]:
    """The largest and the smallest stream. Raises CameraRefused where there is none."""
    if not streams:
        raise CameraRefused("the camera names no stream: set one up in the camera itself")
    by_size = sorted(streams, key=lambda each: each.profile.width * each.profile.height)
    return by_size[-1].address, by_size[0].address


def _write(path: Path, rows: list[dict[str, str]], user: str, language: str) -> None:
    heads = [column.name(language) for column in COLUMNS if column.key in SHEET_KEYS]
    lines = [[f"cam-{row['host'].replace('.', '-').replace(':', '-')}", row["name"], row["sub"], user] for row in rows if row["sub"]]
    try:
        write_csv(path, [heads, *lines])
    except OSError as error:
        raise CameraRefused(f"{path} cannot be written ({error.strerror})") from None
