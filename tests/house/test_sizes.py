"""What the set-up says it downloads, against what the installed packages weigh when compressed again as wheels are."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.test_licences import locked
from tests.house.tree import ROOT

BLOCK_BYTES = 1 << 18
SAMPLE_EVERY = 16
"""One block, and one small file, in this many is compressed; the rest is taken to be alike."""
ENTRY_BYTES = 150
"""A file's headers in a wheel."""
TOLERANCE = 0.10
MACHINE = (f"{sys.version_info[0]}.{sys.version_info[1]}", platform.machine())


def announced_mb() -> dict[tuple[str, str, str], int]:
    """MB by lock file, Python and machine."""
    rows = (line.split() for line in (ROOT / "requirements.sizes").read_text("utf-8").splitlines() if not line.startswith("#"))
    return {(lock, python, machine): int(megabytes) for lock, python, machine, megabytes in rows}


def payload_files(name: str) -> Iterator[Path]:
    """The installed files of a distribution that came out of its wheel."""
    for entry in importlib.metadata.distribution(name).files or []:
        if entry.suffix != ".pyc" and ".." not in entry.parts:
            yield Path(str(entry.locate()))


def compressed_bytes(file: Path) -> float:
    """About what a large file takes in a wheel, from a sample of its blocks."""
    size, read, packed = file.stat().st_size, 0, 0
    with file.open("rb") as stream:
        for start in range(0, size, BLOCK_BYTES * SAMPLE_EVERY):
            stream.seek(start)
            block = stream.read(BLOCK_BYTES)
            read, packed = read + len(block), packed + len(zlib.compress(block))
    return size * packed / read


def wheel_bytes(name: str) -> float:
    """About what the wheel of an installed distribution weighs."""
    files = sorted(payload_files(name))
    large = [file for file in files if file.stat().st_size > BLOCK_BYTES]
    small = [file for file in files if file.stat().st_size <= BLOCK_BYTES]
    sample = small[::SAMPLE_EVERY]
    packed = sum(len(zlib.compress(file.read_bytes())) + ENTRY_BYTES for file in sample)
    return sum(map(compressed_bytes, large)) + (packed * len(small) / len(sample) if sample else 0.0)


@pytest.mark.slow
@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_the_announced_download_is_right_within_a_tenth(lock: str) -> None:
    if (lock, *MACHINE) not in announced_mb():
        pytest.skip(f"requirements.sizes holds no measurement for Python {MACHINE[0]} on {MACHINE[1]}")
    estimate_mb = sum(wheel_bytes(requirement.name) for requirement in locked(lock)) / 1e6
    assert announced_mb()[lock, *MACHINE] == pytest.approx(estimate_mb, rel=TOLERANCE)


def test_every_supported_python_has_its_size() -> None:
    versions = {(lock, python) for lock, python, _ in announced_mb()}
    assert versions >= {(lock, python) for lock in ("requirements.lock", "requirements-dev.lock") for python in ("3.11", "3.12", "3.13")}


@pytest.mark.parametrize("readme", ["README.md", "README.zh.md"])
def test_the_readme_says_the_same_sizes_as_the_set_up(readme: str) -> None:
    head = "\n".join((ROOT / readme).read_text("utf-8").splitlines()[:40])
    for lock in ("requirements.lock", "requirements-dev.lock"):
        assert f"{announced_mb()[lock, '3.11', 'x86_64']} MB" in head
