"""The book of answers: who asked about whom, for what, and what was told, entered before the answer leaves. Its counts are the limits.

Owns `verify.db`. Subjects and values stand in it as keyed hashes, so that the book is no second register of persons; who holds the node's
key can look one up. Refuses an asker, or a subject, that was asked about too often: an ID space cannot be walked through. A damaged file is
put aside, never overwritten, and begun anew. Any thread may call. Called by telling.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlite_utils import Database, Migrations

from node.store.side_file import SideFile
from node.verify.errors import BookDamaged, VerifyRefused
from sync.model import MICROSECONDS

FILE_NAME = "verify.db"
HOUR_US = 3_600 * MICROSECONDS
DAY_US = 24 * HOUR_US
ASKER_HOURLY_MAX, ASKER_DAILY_MAX = 100, 500
"""Questions of one node that are answered, or refused by the rules."""
PAIR_DAILY_MAX = 5
"""Questions of one node about one subject."""
SUBJECT_DAILY_MAX = 20
"""Questions of all nodes about one subject: several who act together learn no more."""
ALL_HOURLY_MAX = 2_000
"""Questions of everybody: a node above can certify any number of askers."""
KEPT_US = 180 * DAY_US
SHOWN_MAX = 1_000

migrations = Migrations("verify")


@migrations()
def m001_told(db: Database) -> None:
    """One row for each question, and how many were turned away by the limits, by day and asker."""
    db.execute(
        """
        CREATE TABLE told (
            id INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, asker TEXT NOT NULL, by TEXT NOT NULL, resource TEXT NOT NULL,
            key TEXT NOT NULL, subject TEXT NOT NULL, field TEXT NOT NULL, value TEXT NOT NULL, purpose TEXT NOT NULL,
            request TEXT NOT NULL,
            answer TEXT NOT NULL, policy TEXT NOT NULL, plan TEXT NOT NULL
        ) STRICT
        """
    )
    db.execute("CREATE INDEX told_by_time ON told (at_us)")
    db.execute("CREATE INDEX told_by_asker ON told (asker, at_us)")
    db.execute("CREATE INDEX told_by_subject ON told (subject, at_us)")
    db.execute(
        "CREATE TABLE turned_away (day INTEGER NOT NULL, asker TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (day, asker)) STRICT"
    )


@dataclass(frozen=True, slots=True)
class Told:
    """One question and what was told."""

    at_us: int
    asker: str
    by: str
    resource: str
    key: str
    subject: str
    """Keyed hash of whom it was about, hex."""
    field: str
    value: str
    """Keyed hash of the value asked about, hex."""
    purpose: str
    request: str
    answer: str
    """yes, no, absent, or refused."""
    policy: str
    plan: str


_COLUMNS = ("at_us", "asker", "by", "resource", "key", "subject", "field", "value", "purpose", "request", "answer", "policy", "plan")
_LIMITS = (
    ("asker = ?", "asker", HOUR_US, ASKER_HOURLY_MAX, "{asker} asked {max} times in an hour"),
    ("asker = ?", "asker", DAY_US, ASKER_DAILY_MAX, "{asker} asked {max} times in a day"),
    ("subject = ? AND asker = ?", "subject asker", DAY_US, PAIR_DAILY_MAX, "{asker} asked {max} times in a day about this subject"),
    ("subject = ?", "subject", DAY_US, SUBJECT_DAILY_MAX, "this subject was asked about {max} times in a day"),
    ("1 = 1", "", HOUR_US, ALL_HOURLY_MAX, "{max} questions were asked in an hour"),
)
"""Each limit: which rows count, by what, how long back, how many, and how it is said."""


class Book(SideFile):
    """The file, open."""

    def __init__(self, path: Path) -> None:
        """Open or make the file. Raises BookDamaged when it is no database, VerifyRefused when it cannot be opened now."""
        super().__init__(path, migrations, failure=VerifyRefused, damaged=BookDamaged)
        # An answer leaves right after its entry: the entry must outlive a power cut.
        self._db.execute("PRAGMA synchronous = FULL")

    def check_limits(self, asker: str, subject: str, now_us: int) -> None:
        """Raise VerifyRefused when one more question would be too many; that it came is counted."""
        known = {"asker": asker, "subject": subject}
        with self.transaction() as db:
            over = None
            for where, names, span_us, most, words in _LIMITS:
                values = [known[name] for name in names.split()]
                (count,) = db.execute(f"SELECT count(*) FROM told WHERE {where} AND at_us > ?", (*values, now_us - span_us)).fetchone()
                if count >= most:
                    over = f"{words.format(asker=asker, max=most)}: wait, {'an hour' if span_us == HOUR_US else 'a day'} at most"
                    break
            if over:
                db.execute(
                    "INSERT INTO turned_away VALUES (?, ?, 1) ON CONFLICT (day, asker) DO UPDATE SET count = count + 1",
                    (now_us // DAY_US, asker),
                )
        if over:
            raise VerifyRefused(f"question refused: {over}")

    def enter(self, told: Told) -> None:
        """Enter a question with its answer, durably; only then may the answer leave. Raises VerifyRefused."""
        with self.transaction() as db:
            marks = ", ".join("?" * len(_COLUMNS))
            db.execute(f"INSERT INTO told ({', '.join(_COLUMNS)}) VALUES ({marks})", [getattr(told, name) for name in _COLUMNS])
            db.execute("DELETE FROM told WHERE at_us < ?", (told.at_us - KEPT_US,))
            db.execute("DELETE FROM turned_away WHERE day < ?", ((told.at_us - KEPT_US) // DAY_US,))

    def newest(self, *, limit: int, subject: str = "") -> list[dict[str, Any]]:
        """The newest questions, all or about one subject."""
        with self.transaction() as db:
            where, values = ("WHERE subject = ?", (subject,)) if subject else ("", ())
            found = db.execute(
                f"SELECT {', '.join(_COLUMNS)} FROM told {where} ORDER BY id DESC LIMIT ?", (*values, min(limit, SHOWN_MAX))
            ).fetchall()
        return [dict(zip(_COLUMNS, row, strict=True)) for row in found]

    def turned_away(self) -> dict[str, int]:
        """By asker how many questions the limits turned away, of all days that are kept."""
        with self.transaction() as db:
            return dict(db.execute("SELECT asker, sum(count) FROM turned_away GROUP BY asker ORDER BY asker").fetchall())
