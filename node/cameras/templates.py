"""Vendors' stream addresses, as data: templates.toml beside this file. Called by `yunnao camera add` and `import`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib import resources
from ipaddress import IPv4Address, IPv6Address

from node.cameras.errors import CameraRefused

NO_IP = "no IPv4 address, which is four numbers from 0 to 255"
CHANNEL_MAX = 1_024
RTSP_PORT = 554


class Stream(Enum):
    """Which of a camera's streams."""

    MAIN = "main"
    SUB = "sub"
    """The smaller one: what is analysed unless told otherwise, because decoding is half the cost (EDGE_AI 1)."""


@dataclass(frozen=True, slots=True)
class Template:
    """Where a vendor's cameras keep their streams."""

    vendor: str
    title: str
    main: str
    """Address with {host} and {channel}; empty where the camera itself must be asked (ONVIF)."""
    sub: str
    source: str
    """The manual it is from."""

    @property
    def is_asked(self) -> bool:
        """True when the camera has to be asked for its addresses."""
        return not self.main

    def address(self, host: str, *, port: int = RTSP_PORT, channel: int = 1, stream: Stream = Stream.SUB) -> str:
        """The stream's address, without credentials. Raises CameraRefused."""
        if self.is_asked:
            raise CameraRefused(f"vendor {self.vendor!r} has no fixed addresses: find the camera with `yunnao camera discover`")
        if not 1 <= channel <= CHANNEL_MAX or not 1 <= port <= 65_535:
            raise CameraRefused(f"channel {channel} and port {port} refused: channels are 1 to {CHANNEL_MAX}, ports 1 to 65535")
        place = checked_host(host) if port == RTSP_PORT else f"{checked_host(host)}:{port}"
        return (self.main if stream is Stream.MAIN else self.sub).format(host=place, channel=channel)


def checked_host(host: str) -> str:
    """A host name or address that may stand in an address; IPv6 in brackets. Raises CameraRefused."""
    bare = host.removeprefix("[").removesuffix("]")
    allowed = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:")
    if not bare or len(bare) > 253 or set(bare) - allowed or (":" in bare and not _is_ip(IPv6Address, bare)):
        raise CameraRefused(f"host {host[:60]!r} refused: a name or an IP address, without port, user or path")
    if is_part_of_ip(bare):
        raise CameraRefused(f"host {host[:60]!r} refused: {NO_IP}")
    return f"[{bare}]" if ":" in bare else bare


def is_part_of_ip(host: str) -> bool:
    """True for numbers that are no IPv4 address: the system would take 10.1.2 for 10.1.0.2, and ask a name server for 10.1.2.300."""
    return ":" not in host and host.rpartition(".")[2].isdigit() and not _is_ip(IPv4Address, host)


def _is_ip(kind: type[IPv4Address | IPv6Address], host: str) -> bool:
    try:
        kind(host)
    except ValueError:
        return False
    return True


@cache
def templates() -> dict[str, Template]:
    """All of them by vendor."""
    raw = tomllib.loads((resources.files(__package__) / "templates.toml").read_text("utf-8"))
    return {vendor: Template(vendor, **facts) for vendor, facts in raw.items()}


def template_of(vendor: str) -> Template:
    """The template of a vendor, by its name in any case. Raises CameraRefused naming those there are."""
    word = vendor.strip()
    if not word:
        raise CameraRefused(f"no vendor is named: {', '.join(templates())}, or give the whole address")
    found = templates().get(word.casefold()) or next((each for each in templates().values() if word and word in each.title), None)
    if found is None:
        raise CameraRefused(f"vendor {vendor[:40]!r} is not known: {', '.join(templates())}, or give the whole address")
    return found
