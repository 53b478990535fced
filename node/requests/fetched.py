"""What this node fetched under grants: one line for each page, entered before its rows are handed to the person who asked.

Owns `fetched.db`. Never a row and never a value: pages are handed on and are not kept, so what a recall has to find here is who has
them. A damaged file is put aside, never overwritten, and begun anew. Any thread may call. Called by taking.py, and by node/recall.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlite_utils import Database, Migrations

from node.requests.errors import FetchRefused
from node.store.side_file import SideFile

FILE_NAME = "fetched.db"
CASES_MAX = 50
"""Requests that one answer names, the newest."""

migrations = Migrations("fetched")


@migrations()
def m001_pages(db: Database) -> None:
    """One row for each page."""
    db.execute(
        """
        CREATE TABLE page (
            id INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, case_id TEXT NOT NULL, provider TEXT NOT NULL, by TEXT NOT NULL,
            resource TEXT NOT NULL, rows INTEGER NOT NULL, sha256 TEXT NOT NULL
        ) STRICT
        """
    )
    db.execute("CREATE INDEX page_by_resource ON page (resource, id)")


class FetchedDamaged(FetchRefused):
    """The file is no database any more."""


@dataclass(frozen=True, slots=True)
class FetchedPage:
    """One page that was fetched."""

    at_us: int
    case_id: str
    provider: str
    by: str
    """The person to whom it was handed."""
    resource: str
    rows: int
    sha256: str
    """Of the rows as given, hex: the one in the provider's share records."""


class Fetched(SideFile):
    """The file, open."""

    def __init__(self, path: Path) -> None:
        """Open or make the file. Raises FetchedDamaged when it is no database, FetchRefused when it cannot be opened now."""
        super().__init__(path, migrations, failure=FetchRefused, damaged=FetchedDamaged)
        # A page is handed on right after its line: the line must outlive a power cut.
        self._db.execute("PRAGMA synchronous = FULL")

    def enter(self, page: FetchedPage) -> None:
        """Enter a page, durably; only then may a person have it. Raises FetchRefused."""
        row = (page.at_us, page.case_id, page.provider, page.by, page.resource, page.rows, page.sha256)
        with self.transaction() as db:
            db.execute("INSERT INTO page (at_us, case_id, provider, by, resource, rows, sha256) VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def of(self, resources: Sequence[str]) -> tuple[int, list[str]]:
        """How many pages with rows of these resources were fetched, and the requests under which. Raises FetchRefused."""
        places = ", ".join("?" * len(resources))
        with self.transaction() as db:
            found = db.execute(
                f"SELECT case_id, count(*) FROM page WHERE resource IN ({places}) AND rows > 0 GROUP BY case_id ORDER BY max(id) DESC",
                tuple(resources),
            ).fetchall()
        return sum(count for _, count in found), [case_id for case_id, _ in found[:CASES_MAX]]
