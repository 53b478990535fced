"""The file that `yunnao request fetch` writes: rows page by page, under a hidden name until the last page is there.

Owns the file alone. Leaves nothing behind when the fetch ends early: half of what was granted looks like all of it. Called by
node/verbs/request.py.
"""

from __future__ import annotations

import argparse
import csv
import os
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import msgspec

from node.catalogue.csv_sheet import guarded
from node.client import NodeClient
from node.errors import EXIT_OK, NodeError
from node.files import sync_folder
from node.texts import text
from node.verb import UsageError
from node.verbs.output import list_of, print_json, table_of, talk

PAGE_TIMEOUT_S = 150.0
PAGES_MAX = 1_000_000
FILE_MODE = 0o600
"""What is fetched may be personal data: nobody but its owner reads the file."""
LINES_SUFFIX = ".jsonl"

Put = Callable[[list[str], list[str], list[list[object]]], None]
"""Writes one page: names and types of the columns, and rows."""


def fetch(args: argparse.Namespace, client: NodeClient) -> int:
    """Write everything that a request was granted into `args.out`."""
    hidden = args.out.with_name(f".{args.out.name}.part")
    try:
        with _opened(hidden) as file:
            rows, withheld, masks = _pages(args, client, _lines(file) if args.out.suffix == LINES_SUFFIX else _sheet(file))
            file.flush()
            os.fsync(file.fileno())
        hidden.replace(args.out)
        sync_folder(args.out.parent)
    except OSError as error:
        raise UsageError(f"{args.out} cannot be written ({error.strerror}): free space there, or name another file") from None
    finally:
        hidden.unlink(missing_ok=True)
    if args.json:
        print_json({"id": args.id, "file": str(args.out), "rows": rows, "withheld": dict(withheld), "masks": masks})
    else:
        talk(text("request.fetched", args.language, rows=rows, file=args.out))
        for reason, count in sorted(withheld.items()):
            talk(text("request.withheld", args.language, count=count, reason=reason))
        for column, mask in sorted(masks.items()):
            talk(text("request.masked", args.language, column=column, mask=mask))
    return EXIT_OK


def _opened(path: Path) -> TextIO:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE)
    return os.fdopen(handle, "w", encoding="utf-8", newline="")


def _pages(args: argparse.Namespace, client: NodeClient, put: Put) -> tuple[int, Counter[str], dict[str, object]]:
    rows, withheld = 0, Counter[str]()
    masks: dict[str, object] = {}
    cursor: dict[str, object] = {}
    for _ in range(PAGES_MAX):
        answer = client.call("request_fetch", timeout_s=PAGE_TIMEOUT_S, id=args.id, by=args.by, **cursor)
        columns, found = list_of(answer.get("columns")), answer.get("rows")
        page = [row for row in found if isinstance(row, list)] if isinstance(found, list) else []
        put([str(one.get("name")) for one in columns], [str(one.get("type")) for one in columns], page)
        rows += len(page)
        withheld.update({reason: count for reason, count in table_of(answer.get("withheld")).items() if isinstance(count, int)})
        masks.update(table_of(answer.get("masks")))
        if answer.get("is_last"):
            return rows, withheld, masks
        following = {key: answer.get(key) for key in ("after_lsn", "skip_rows", "upto_lsn")}
        if following == cursor:
            raise NodeError(f"the fetch of {args.id} does not go on behind {cursor}: the provider gives the same page again")
        cursor = following
    raise NodeError(f"the fetch of {args.id} has more than {PAGES_MAX} pages: ask for less, with a filter")


def _sheet(file: TextIO) -> Put:
    """CSV with a head line; texts that a spreadsheet program would take for formulas are guarded."""
    writer = csv.writer(file)
    head: list[str] = []

    def put(names: list[str], types: list[str], rows: list[list[object]]) -> None:
        if not head:
            head.extend(names)
            writer.writerow(names)
        writer.writerows([_cell(value, kind) for value, kind in zip(row, types, strict=True)] for row in rows)

    return put


def _lines(file: TextIO) -> Put:
    """One JSON object per line."""

    def put(names: list[str], types: list[str], rows: list[list[object]]) -> None:
        for row in rows:
            file.write(msgspec.json.encode(dict(zip(names, row, strict=True))).decode() + "\n")

    return put


def _cell(value: object, kind: str) -> str:
    if value is None:
        return ""
    if kind == "timestamp" and isinstance(value, int):
        return datetime.fromtimestamp(value / 1_000_000, UTC).isoformat()
    return guarded(value) if isinstance(value, str) else str(value)
