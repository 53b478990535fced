"""How a verb comes by a camera's password: asked for at a terminal, or read as one line; no argument, which every process could read."""

from __future__ import annotations

import getpass
import sys

from node.cameras.credentials import CHARS_MAX


def asked_password(prompt: str) -> str:
    """The password."""
    if sys.stdin.isatty():
        return getpass.getpass(prompt)
    return sys.stdin.readline(CHARS_MAX + 2).rstrip("\r\n")
