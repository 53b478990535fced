"""What cameras ask for before they show anything: user and password of each, apart from the addresses.

Owns camera_credentials.toml in the node's folder, which only its owner may read. Refuses a file that others may read. They are put into an
address only on its way to a worker (a 0600 file, never an argument of a process). Called by listing.py and the verb `camera`.
"""

from __future__ import annotations

import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import msgspec

from node.cameras.errors import CameraRefused
from node.files import write_durably

CREDENTIALS_NAME = "camera_credentials.toml"
FILE_BYTES_MAX = 1 << 20
CHARS_MAX = 256
"""Characters of a user or a password."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """How a node logs in at a camera."""

    user: str
    password: str = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse what no camera takes."""
        for name, value in (("user", self.user), ("password", self.password)):
            if len(value) > CHARS_MAX or not all(char.isprintable() for char in value):
                raise CameraRefused(f"{name} refused: at most {CHARS_MAX} characters that are seen")
        if self.password and not self.user:
            raise CameraRefused("a password without a user refused: name the user, too")


def split_credentials(address: str) -> tuple[str, Credentials | None]:
    """An address without user and password, and those. Raises CameraRefused for an address that cannot be read."""
    try:
        parts = urlsplit(address)
        found = parts.username is not None
    except ValueError as error:
        raise CameraRefused(f"the address cannot be read ({error}): write it as rtsp://host/path") from None
    if not found:
        return address, None
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=place)), Credentials(unquote(parts.username or ""), unquote(parts.password or ""))


def with_credentials(address: str, credentials: Credentials | None) -> str:
    """An address for a worker: with user and password, percent-encoded, unless it has its own."""
    if credentials is None or not credentials.user or "://" not in address:
        return address
    parts = urlsplit(address)
    if parts.username is not None:
        return address
    login = f"{quote(credentials.user, safe='')}:{quote(credentials.password, safe='')}"
    return urlunsplit(parts._replace(netloc=f"{login}@{parts.netloc}"))


def shown(address: str) -> str:
    """An address as people may see it."""
    head, sign, tail = address.partition("://")
    return f"{head}{sign}{tail.rpartition('@')[2]}" if sign else address


def read_credentials(folder: Path) -> dict[str, Credentials]:
    """By camera; empty where there are none. Raises CameraRefused."""
    path = folder / CREDENTIALS_NAME
    if not path.exists():
        return {}
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise CameraRefused(f"{path} refused: others may read the passwords in it; `chmod 600 {path}`")
    try:
        with path.open("rb") as file:
            raw = tomllib.loads(file.read(FILE_BYTES_MAX).decode())
        entries = msgspec.convert(raw, dict[str, dict[str, str]])
        return {camera: Credentials(entry.get("user", ""), entry.get("password", "")) for camera, entry in entries.items()}
    except (OSError, ValueError) as error:
        # The words of a parser may quote the line, and with it a password.
        raise CameraRefused(f"{path} cannot be read ({type(error).__name__}): enter the cameras' passwords again") from None


def write_credentials(folder: Path, credentials: Mapping[str, Credentials]) -> None:
    """Replace the file, durably; it is for its owner only. Raises OSError."""
    lines = ["# User and password of each camera. Written by `yunnao camera`; for the owner of the node's folder only."]
    for camera, each in sorted(credentials.items()):
        lines += ["", f"[{_text(camera)}]", f"user = {_text(each.user)}", f"password = {_text(each.password)}"]
    write_durably(folder / CREDENTIALS_NAME, ("\n".join(lines) + "\n").encode())


def _text(value: str) -> str:
    return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")
