"""The verbs of the local API that belong to carriage: `bundle_export`, `bundle_import`, `bundle_receipt`, `bundle_receipt_write`.

Paths are absolute: the node reads and writes the files, the command line only names them. Called by node/api.py.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from node.carriage.carrier import PART_MB, Carrier, Delivery
from node.carriage.errors import CarriageError
from node.carriage.importing import Imported

PART_MB_MAX = 4_095
"""A FAT file system takes files below 4 GiB."""
PATHS_MAX = 1_024
AbsolutePath = Annotated[str, Meta(pattern="^/", max_length=4_096)]
Plain = dict[str, Any]


class BundleExport(msgspec.Struct, forbid_unknown_fields=True):
    """Lay what a peer lacks into a folder."""

    peer: str
    folder: AbsolutePath
    part_mb: Annotated[int, Meta(ge=1, le=PART_MB_MAX)] = PART_MB


class BundleImport(msgspec.Struct, forbid_unknown_fields=True):
    """Take files, or all files of folders, and write receipts."""

    paths: Annotated[list[AbsolutePath], Meta(min_length=1, max_length=PATHS_MAX)]
    receipts: AbsolutePath | None = None


class BundleReceipt(msgspec.Struct, forbid_unknown_fields=True):
    """Take a receipt."""

    path: AbsolutePath


class BundleReceiptWrite(msgspec.Struct, forbid_unknown_fields=True):
    """Write a receipt with the marks of now."""

    peer: str
    folder: AbsolutePath


class BundleVerbs:
    """Answers the verbs; `carrier` is asked for when one is called."""

    def __init__(self, carrier: Callable[[], Carrier]) -> None:
        self._carrier = carrier
        self.table: dict[str, tuple[type[msgspec.Struct], Callable[[Any], Awaitable[Plain]]]] = {
            "bundle_export": (BundleExport, self._export),
            "bundle_import": (BundleImport, self._import),
            "bundle_receipt": (BundleReceipt, self._receipt),
            "bundle_receipt_write": (BundleReceiptWrite, self._write),
        }

    async def _export(self, asked: BundleExport) -> Plain:
        done = await self._carrier().export(asked.peer, folder_at(asked.folder), part_mb=asked.part_mb)
        return {
            "peer": asked.peer,
            "files": [str(path) for path in done.paths],
            "parts_new": done.parts_new,
            "records_new": done.records_new,
            "introduction": done.is_introduction,
        }

    async def _import(self, asked: BundleImport) -> Plain:
        receipts = None if asked.receipts is None else folder_at(asked.receipts)
        return delivery_plain(await self._carrier().take([Path(path) for path in asked.paths], receipts=receipts))

    async def _receipt(self, asked: BundleReceipt) -> Plain:
        return {"files": [_imported(await self._carrier().take_receipt(Path(asked.path)))]}

    async def _write(self, asked: BundleReceiptWrite) -> Plain:
        return {"receipt": str(await self._carrier().write_receipt(asked.peer, folder_at(asked.folder)))}


def folder_at(path: str) -> Path:
    """The folder to write into; raises CarriageError when it is none."""
    folder = Path(path)
    if not folder.is_dir():
        raise CarriageError(f"{folder} is no folder: mount the stick, or make the folder first")
    return folder


def delivery_plain(delivery: Delivery) -> Plain:
    """A delivery as JSON values."""
    return {
        "files": [_imported(imported) for imported in delivery.taken],
        "refused": [{"path": str(entry.path), "why": entry.why, "early": entry.is_early} for entry in delivery.refusals],
        "receipts": [str(path) for path in delivery.receipts],
    }


def _imported(imported: Imported) -> Plain:
    return {
        "path": str(imported.path),
        "kind": imported.kind,
        "sender": imported.sender,
        "serial": imported.serial,
        "frames_new": imported.frames_new,
        "frames_here": imported.frames_here,
        "refused": imported.refused,
        "news": imported.is_news,
    }
