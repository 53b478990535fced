"""cameras.toml: the cameras that `yunnao camera` keeps, in the same tables as `[[camera]]` of node.toml, beside it.

Reads and checks the file; listing.py writes it. Refuses what node.toml would refuse, and an id that node.toml has already. Called by
node/config/config.py whenever a configuration is loaded.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from node.config.check import camera_problems, shape_problems
from node.config.errors import ConfigError, Problem, find_lines
from node.config.model import CameraEntry, File

LIST_NAME = "cameras.toml"
LIST_BYTES_MAX = 1 << 20
CAMERAS_MAX = 256
"""Cameras of a node, those of node.toml included."""


class ListFile(msgspec.Struct, frozen=True, kw_only=True):
    """All of cameras.toml."""

    camera: Annotated[list[CameraEntry], Meta(max_length=CAMERAS_MAX)] = []


def read_list(folder: Path, file: File) -> tuple[CameraEntry, ...]:
    """The cameras listed beside the node.toml whose content is `file`; raises ConfigError with every problem and its line."""
    path = folder / LIST_NAME
    try:
        with path.open("rb") as stream:
            raw = stream.read(LIST_BYTES_MAX + 1)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise ConfigError(path, [Problem((), f"cannot be read ({error.strerror})")]) from error
    try:
        if len(raw) > LIST_BYTES_MAX:
            raise ValueError(f"larger than {LIST_BYTES_MAX} bytes")
        text = raw.decode()
        content = tomllib.loads(text)
    except ValueError as error:
        raise ConfigError(path, [Problem((), f"is no list of cameras: {str(error).lower()}")]) from None
    return parsed(content, text, path, file)


def parsed(content: object, text: str, path: Path, file: File) -> tuple[CameraEntry, ...]:
    """The cameras in `content`, which stands as `text` at `path`; raises ConfigError."""
    problems = list(shape_problems(content, ListFile))
    if problems:
        raise ConfigError(path, problems, find_lines(text))
    cameras = msgspec.convert(content, ListFile).camera
    problems = list(camera_problems(cameras, file, beside=file.camera))
    if len(cameras) + len(file.camera) > CAMERAS_MAX:
        problems.append(Problem((), f"{len(cameras)} cameras beside {len(file.camera)} of node.toml: a node has at most {CAMERAS_MAX}"))
    if problems:
        raise ConfigError(path, problems, find_lines(text))
    return tuple(cameras)
