"""A package of an algorithm: a folder of files, the card that lists their digests, and the signature over the card.

    <id>/<version>/manifest.toml   what it is: family, classes, thresholds, licence, what was measured
                   model.onnx      normalised
                   golden/         pictures, and expected.json: what the model saw in them
                   LICENSE         the model's licence, whole
                   package.json    the card: SHA-256 of each file; its own SHA-256 is the package's content id
                   signature.json  who made the package, and one signature over the card, so over all of it

Owns the layout, the bounds and the check of digests. Who may sign is decided by the node: signing and checking signatures live in
node/algorithms. Called by the library and the importer.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from edge_ai.errors import AlgorithmError
from edge_ai.reasons import reason, system_reason

FORMAT = 1
CARD, SIGNATURE, MANIFEST, MODEL, LICENCE, EXPECTED = (
    "package.json", "signature.json", "manifest.toml", "model.onnx", "LICENSE", "golden/expected.json",
)  # fmt: skip
FILES_MAX = 40
FILE_BYTES_MAX = 256 * 1024 * 1024
PACKAGE_BYTES_MAX = 300 * 1024 * 1024
PAPER_BYTES_MAX = 128 * 1024
"""Of the card and of the signature."""
REQUIRED = frozenset({MANIFEST, MODEL, LICENCE, EXPECTED})

_Name = Annotated[str, Meta(pattern=r"^(manifest\.toml|model\.onnx|LICENSE|golden/[0-9a-z-]{1,60}\.(jpg|png|json))$")]
_Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class _Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: int
    id: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]{0,63}$")]
    version: Annotated[str, Meta(pattern="^[0-9A-Za-z][0-9A-Za-z._-]{0,31}$")]
    files: Annotated[dict[_Name, _Digest], Meta(max_length=FILES_MAX)]


@dataclass(frozen=True, slots=True)
class Card:
    """What a package is, by the digests of its files."""

    id: str
    version: str
    files: Mapping[str, str]
    """SHA-256 by path inside the package."""

    @property
    def canonical(self) -> bytes:
        """The card as canonical JSON: sorted keys, no spaces, UTF-8."""
        values = {"format": FORMAT, "id": self.id, "version": self.version, "files": dict(self.files)}
        return json.dumps(values, sort_keys=True, separators=(",", ":")).encode()

    @property
    def content_sha256(self) -> str:
        """The package's content id."""
        return hashlib.sha256(self.canonical).hexdigest()

    @property
    def signed_bytes(self) -> bytes:
        """What the maker's signature covers."""
        return b"yunnao-algorithm-1\n" + self.canonical


class Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who made a package: the node, its Ed25519 signature, and its certificate chain up to the province's root."""

    node: Annotated[str, Meta(min_length=1, max_length=128)]
    signature: Annotated[str, Meta(pattern="^[0-9a-f]{128}$")]
    chain_pem: Annotated[str, Meta(max_length=64 << 10)]


def card_of(id_: str, version: str, files: Mapping[str, bytes]) -> Card:
    """The card of a package's files; raises AlgorithmError when they are no package."""
    card = Card(id_, version, {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())})
    if (size := sum(len(data) for data in files.values())) > PACKAGE_BYTES_MAX:
        raise AlgorithmError(reason("package-too-large", algorithm=id_, version=version, bytes=size, most=PACKAGE_BYTES_MAX))
    return decode_card(card.canonical, f"{id_} {version}")


def decode_card(raw: bytes, name: str) -> Card:
    """The card in `raw`; raises AlgorithmError, also when the bytes are not the canonical ones."""
    try:
        read = msgspec.json.decode(raw, type=_Card)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise AlgorithmError(reason("package-card-unreadable", package=name, file=CARD, what=error)) from error
    card = Card(read.id, read.version, read.files)
    if missing := sorted(REQUIRED - set(card.files)):
        raise AlgorithmError(reason("package-lacks", package=name, files=", ".join(missing)))
    if read.format != FORMAT or card.canonical != raw:
        raise AlgorithmError(reason("package-card-form", package=name, file=CARD, format=FORMAT))
    return card


def decode_signature(raw: bytes, name: str) -> Signature:
    """The signature paper in `raw`; raises AlgorithmError. Whether it holds, the node decides."""
    try:
        return msgspec.json.decode(raw, type=Signature)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise AlgorithmError(reason("package-card-unreadable", package=name, file=SIGNATURE, what=error)) from error


def read_card(folder: Path) -> Card:
    """The card of the package in `folder`; raises AlgorithmError."""
    return decode_card(read_bounded(folder / CARD, PAPER_BYTES_MAX), folder.name)


def read_signature(folder: Path) -> Signature:
    """The signature of the package in `folder`; raises AlgorithmError."""
    return decode_signature(read_bounded(folder / SIGNATURE, PAPER_BYTES_MAX), folder.name)


def check_files(folder: Path, card: Card) -> None:
    """Raise AlgorithmError unless every file of the card is there with its digest, and no other is."""
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}
    if strange := sorted(there - set(card.files) - {CARD, SIGNATURE}):
        raise AlgorithmError(reason("package-strange-file", algorithm=card.id, version=card.version, file=repr(strange[0][:80])))
    for name, digest in card.files.items():
        if _digest(folder / name) != digest:
            raise AlgorithmError(reason("package-file-changed", algorithm=card.id, version=card.version, file=name))


def read_bounded(path: Path, size_max: int) -> bytes:
    """The bytes of an ordinary file of at most `size_max`; raises AlgorithmError."""
    try:
        if path.is_symlink() or not path.is_file():
            raise AlgorithmError(reason("not-a-file", file=path))
        with path.open("rb") as file:
            data = file.read(size_max + 1)
    except OSError as error:
        raise AlgorithmError(reason("file-unreadable-why", file=path, what=system_reason(error))) from error
    if len(data) > size_max:
        raise AlgorithmError(reason("file-too-large", file=path.name, most=size_max))
    return data


def write_package(folder: Path, files: Mapping[str, bytes], card: Card, signature: Signature) -> None:
    """Make the package in `folder`, which must not exist: whole and durable, or not at all. Raises AlgorithmError."""
    incoming = folder.parent / f".incoming-{card.content_sha256[:16]}"
    try:
        shutil.rmtree(incoming, ignore_errors=True)
        incoming.mkdir(parents=True, mode=0o700)
        (incoming / "golden").mkdir(mode=0o700)
        for name, data in {**files, CARD: card.canonical, SIGNATURE: msgspec.json.encode(signature)}.items():
            _write(incoming / name, data)
        for inner in (incoming / "golden", incoming):
            sync_folder(inner)
        incoming.rename(folder)
        sync_folder(folder.parent)
    except OSError as error:
        raise AlgorithmError(reason("package-unwritable", algorithm=card.id, version=card.version, what=system_reason(error))) from error
    finally:
        shutil.rmtree(incoming, ignore_errors=True)


def sync_folder(folder: Path) -> None:
    """Make what happened in `folder` durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _digest(path: Path) -> str:
    if path.is_symlink() or not path.is_file() or path.stat().st_size > FILE_BYTES_MAX:
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
