"""The share records of this node: what was handed out under which request, entered before it is.

Owns `shares.db`. A damaged file is put aside, never overwritten, and begun anew. Any thread may call. Called by giving.py, and by the desk
to show.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from sqlite_utils import Database, Migrations

from node.requests.errors import FetchRefused
from node.store.side_file import SideFile

FILE_NAME = "shares.db"
SHOWN_MAX = 1_000
"""Pages of one request that are shown, newest first; their sum counts all."""

migrations = Migrations("shares")


@migrations()
def m001_pages(db: Database) -> None:
    """One row for each page."""
    db.execute(
        """
        CREATE TABLE page (
            id INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, case_id TEXT NOT NULL, asker TEXT NOT NULL, by TEXT NOT NULL,
            resource TEXT NOT NULL, fields TEXT NOT NULL, purpose TEXT NOT NULL, rows INTEGER NOT NULL, withheld TEXT NOT NULL,
            first_lsn INTEGER NOT NULL, last_lsn INTEGER NOT NULL, sha256 TEXT NOT NULL, policy TEXT NOT NULL, plan TEXT NOT NULL
        ) STRICT
        """
    )
    db.execute("CREATE INDEX page_by_case ON page (case_id, id)")


class SharesDamaged(FetchRefused):
    """The file is no database any more."""


@dataclass(frozen=True, slots=True)
class Share:
    """One page that is handed out."""

    at_us: int
    case_id: str
    asker: str
    by: str
    resource: str
    fields: tuple[str, ...]
    purpose: str
    rows: int
    withheld: dict[str, int]
    first_lsn: int
    """The batches read for it lie behind this one, up to `last_lsn`."""
    last_lsn: int
    sha256: str
    """Of the rows as given, hex."""
    policy: str
    """Version of the policy, hex."""
    plan: str
    """Hash of the plan, hex."""


@dataclass(frozen=True, slots=True)
class PageSpan:
    """Which stretch of the journal a page was made of."""

    asker: str
    rows: int
    first_lsn: int
    last_lsn: int


class Shares(SideFile):
    """The file, open."""

    def __init__(self, path: Path) -> None:
        """Open or make the file. Raises SharesDamaged when it is no database, FetchRefused when it cannot be opened now."""
        super().__init__(path, migrations, failure=FetchRefused, damaged=SharesDamaged)
        # A page leaves right after its entry: the entry must outlive a power cut.
        self._db.execute("PRAGMA synchronous = FULL")

    def enter(self, share: Share) -> None:
        """Enter a page, durably; only then may it leave. Raises FetchRefused."""
        row = (
            *(share.at_us, share.case_id, share.asker, share.by, share.resource, ",".join(share.fields), share.purpose, share.rows),
            *(msgspec.json.encode(share.withheld).decode(), share.first_lsn, share.last_lsn, share.sha256, share.policy, share.plan),
        )
        columns = "at_us, case_id, asker, by, resource, fields, purpose, rows, withheld, first_lsn, last_lsn, sha256, policy, plan"
        with self.transaction() as db:
            db.execute(f"INSERT INTO page ({columns}) VALUES ({', '.join('?' * len(row))})", row)

    def of(self, case_id: str) -> dict[str, Any]:
        """What was handed out under a request: sums, and the newest pages."""
        with self.transaction() as db:
            pages, rows = db.execute("SELECT count(*), coalesce(sum(rows), 0) FROM page WHERE case_id = ?", (case_id,)).fetchone()
            found = db.execute(
                "SELECT at_us, asker, by, fields, purpose, rows, withheld, sha256, policy FROM page WHERE case_id = ? "
                "ORDER BY id DESC LIMIT ?",
                (case_id, SHOWN_MAX),
            ).fetchall()
        keys = ("at_us", "asker", "by", "fields", "purpose", "rows", "withheld", "sha256", "policy")
        shown = [dict(zip(keys, row, strict=True)) for row in found]
        return {"pages": pages, "rows": rows, "newest": [one | {"withheld": msgspec.json.decode(one["withheld"])} for one in shown]}

    def over(self, resource: str) -> list[PageSpan]:
        """Every page with rows of a resource."""
        with self.transaction() as db:
            found = db.execute("SELECT asker, rows, first_lsn, last_lsn FROM page WHERE resource = ? AND rows > 0", (resource,)).fetchall()
        return [PageSpan(*row) for row in found]
