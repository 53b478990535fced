"""A package as one file: an uncompressed tar of the card, the signature and the files of the card, always the same bytes.

Refuses anything else in the tar, links, and sizes out of bounds, before a byte is kept. Called by `model export` and `model import`, and by
the desk that hands packages to other nodes.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge_ai.models.package import (
    CARD,
    FILE_BYTES_MAX,
    FILES_MAX,
    PACKAGE_BYTES_MAX,
    PAPER_BYTES_MAX,
    SIGNATURE,
    Card,
    Signature,
    card_of,
    decode_card,
    decode_signature,
    read_bounded,
    read_card,
)
from node.algorithms.errors import AlgorithmRefused

SUFFIX = ".package.tar"
PARCEL_BYTES_MAX = PACKAGE_BYTES_MAX + (1 << 20)


@dataclass(frozen=True, slots=True)
class Parcel:
    """A package that was read: its files are what its card says; whether its signature holds, the seal says."""

    card: Card
    signature: Signature
    files: Mapping[str, bytes]


def write_parcel(folder: Path, path: Path) -> None:
    """The package in `folder` as the file `path`; raises AlgorithmError, AlgorithmRefused."""
    card = read_card(folder)
    try:
        with tarfile.open(path, "x:", format=tarfile.USTAR_FORMAT) as tar:
            for name in (CARD, SIGNATURE, *sorted(card.files)):
                data = read_bounded(folder / name, FILE_BYTES_MAX)
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = len(data), 0o644
                tar.addfile(entry, io.BytesIO(data))
    except FileExistsError:
        raise AlgorithmRefused(f"{path} is there already: name another file") from None
    except OSError as error:
        raise AlgorithmRefused(f"{path} cannot be written ({error.strerror}): check its folder") from error


def read_parcel(path: Path) -> Parcel:
    """The package in a file; raises AlgorithmRefused, AlgorithmError."""
    if not path.is_file() or path.stat().st_size > PARCEL_BYTES_MAX:
        raise AlgorithmRefused(f"{path} is no package: expected what `yunnao model export` writes, at most {PARCEL_BYTES_MAX} bytes")
    try:
        with tarfile.open(path, "r:") as tar:
            files = _members(tar, path.name)
    except (tarfile.TarError, OSError, EOFError, ValueError, OverflowError) as error:
        raise AlgorithmRefused(f"{path.name} is no package ({error}): get it again") from error
    missing = [name for name in (CARD, SIGNATURE) if name not in files]
    if missing:
        raise AlgorithmRefused(f"{path.name} is no package: it lacks {missing[0]}")
    card = decode_card(files.pop(CARD), path.name)
    signature = decode_signature(files.pop(SIGNATURE), path.name)
    if card_of(card.id, card.version, files).files != dict(card.files):
        raise AlgorithmRefused(f"package {card.id} {card.version} refused: its files are not what its card says; get it again")
    return Parcel(card, signature, files)


def _members(tar: tarfile.TarFile, name: str) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for entry in tar:
        size_max = PAPER_BYTES_MAX if entry.name in (CARD, SIGNATURE) else FILE_BYTES_MAX
        if not entry.isfile() or entry.size > size_max or entry.name in files or len(files) > FILES_MAX + 2:
            raise AlgorithmRefused(f"{name} is no package: {entry.name[:80]!r} is no file of one, or too large; get it again")
        content = tar.extractfile(entry)
        assert content is not None, "it is a file"
        files[entry.name] = content.read(size_max + 1)
    return files
