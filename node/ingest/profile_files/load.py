"""Profile files read: from TOML to a profile that the node uses. Refuses a file with any problem, naming file, line, key and way out.

Shipped files lie in `shipped/`; a site's own folder comes first, so that a site may correct one. Called by the device plane and by
`yunnao profile`.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec

from node.config.check import shape_problems
from node.config.errors import ConfigError, Problem, find_lines
from node.ingest.profile_files.check import problems
from node.ingest.profile_files.model import ProfileFile

FILE_BYTES_MAX = 1 << 18
FILES_MAX = 1_000
"""Profile files of a folder."""
SUFFIX = ".toml"
SHIPPED = Path(__file__).parent / "shipped"


def read_profile(path: Path) -> ProfileFile:
    """The profile file at `path`; raises ConfigError with every problem found, each with its line."""
    try:
        with path.open("rb") as file:
            raw = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigError(path, [Problem((), f"cannot be read ({error.strerror}): name a profile file")]) from None
    if len(raw) > FILE_BYTES_MAX:
        raise ConfigError(path, [Problem((), f"is larger than {FILE_BYTES_MAX} bytes: this is no profile")])
    try:
        text = raw.decode("utf-8")
        content = tomllib.loads(text)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(path, [Problem((), f"is not TOML: {error}")]) from None
    lines = find_lines(text)
    found = list(shape_problems(content, ProfileFile))
    if found:
        raise ConfigError(path, found, lines)
    profile = msgspec.convert(content, ProfileFile)
    found = list(problems(profile))
    if found:
        raise ConfigError(path, found, lines)
    return profile


def profile_paths(own: Path | None) -> dict[str, Path]:
    """Every profile file by its name: the shipped ones, and those of the folder `own`, which win. Raises ConfigError."""
    paths = {path.stem: path for path in sorted(SHIPPED.glob(f"*{SUFFIX}"))}
    if own is not None:
        if not own.is_dir():
            raise ConfigError(own, [Problem((), "is no folder: make it, or remove 'devices.profile_folder'")])
        mine = sorted(own.glob(f"*{SUFFIX}"))
        if len(mine) > FILES_MAX:
            raise ConfigError(own, [Problem((), f"holds {len(mine)} profiles; at most {FILES_MAX}")])
        paths |= {path.stem: path for path in mine}
    return paths
