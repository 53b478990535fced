"""Looks at one camera from outside a running node: a throw-away process that is killed when it takes too long.

Owns the process's environment, its deadline and what is believed of its answer. What it is told, which may hold a password, goes through
its standard input: never through its arguments or its environment. Called by `yunnao camera test` and `zone`, and by the page of `zone`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import msgspec

import edge_ai
from edge_ai.looks.values import Finding, Look
from edge_ai.reasons import reason, told
from node.cameras.credentials import shown
from node.cameras.errors import LookFailed
from node.texts.reasons import worded

OPEN_S_MAX = 20.0
"""Beyond the seconds of looking: to start the process, connect and decode a first picture."""
ANSWER_BYTES_MAX = 65_536


def look(asked: Look, language: str) -> Finding:
    """What the camera shows. Raises LookFailed with the reason in `language` and without credentials."""
    name = asked.camera.id
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "edge_ai.looks.probe"], input=msgspec.json.encode(asked), stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, env=_environment(), timeout=asked.seconds + OPEN_S_MAX, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        facts = {"camera": name, "seconds": f"{asked.seconds + OPEN_S_MAX:g}", "address": shown(asked.camera.source)}
        raise LookFailed(worded(told(reason("look-silent", **facts)), language)) from None
    try:
        found = msgspec.json.decode(ended.stdout[:ANSWER_BYTES_MAX], type=Finding)
    except msgspec.MsgspecError:
        raise LookFailed(worded(told(reason("look-ended", camera=name, status=ended.returncode)), language)) from None
    if found.why:
        raise LookFailed(_without(worded(found.why, language), asked.camera.source))
    return found


def _environment() -> dict[str, str]:
    """The process finds this very package, and libraries leave its output alone."""
    root = str(Path(edge_ai.__file__).parents[1])
    return {**os.environ, "PYTHONPATH": root, "OPENCV_LOG_LEVEL": "SILENT", "OPENCV_FFMPEG_LOGLEVEL": "-8", "OMP_NUM_THREADS": "1"}


def _without(words: str, address: str) -> str:
    """Words without the credentials of an address, should a library have quoted it."""
    login = address.partition("://")[2].rpartition("@")[0]
    password = login.partition(":")[2]
    for secret in (login, password, unquote(password)):
        words = words.replace(secret, "...") if secret else words
    return words
