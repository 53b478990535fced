"""The camera directory of one node: the points that were entered here, on disk, and which of them have yet to be told upward.

Owns directory.db. A change and the note that it is to be told are one transaction; the note goes when the row is durable in the journal,
so a crash tells a point twice and never loses one. Refuses more points than POINTS_MAX. Blocking; any thread may call. Called by
directory_desk.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path

from sqlite_utils import Database, Migrations

from node.cameras.errors import CameraRefused, DirectoryDamaged, DirectoryFailed
from node.cameras.point import Card, Point, PointState
from node.store.side_file import SideFile

POINTS_MAX = 300_000
"""Points entered at one node: a province's capital has 230,000 (CITY row 11)."""

_COLUMNS = (
    "code", "territory", "name", "tier", "owner", "longitude", "latitude", "datum", "address", "maker", "state", "state_since_us", "camera",
)  # fmt: skip
_PUT = f"INSERT OR REPLACE INTO points ({', '.join(_COLUMNS)}, turn) VALUES ({', '.join('?' * len(_COLUMNS))}, ?)"
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM points"


migrations = Migrations("camera-directory")


@migrations()
def m001_points(db: Database) -> None:
    """Points by code, those that have yet to be told, and whose journal heard of the others."""
    db.execute(
        "CREATE TABLE points (code TEXT PRIMARY KEY, territory TEXT NOT NULL, name TEXT NOT NULL, tier INTEGER NOT NULL, "
        "owner TEXT NOT NULL, longitude REAL, latitude REAL, datum TEXT NOT NULL, address TEXT NOT NULL, maker TEXT NOT NULL, "
        "state TEXT NOT NULL, state_since_us INTEGER NOT NULL, camera TEXT NOT NULL, turn INTEGER NOT NULL) STRICT, WITHOUT ROWID"
    )
    db.execute("CREATE INDEX watched ON points (camera) WHERE camera <> ''")
    db.execute("CREATE TABLE untold (code TEXT PRIMARY KEY, turn INTEGER NOT NULL) STRICT, WITHOUT ROWID")
    db.execute("CREATE INDEX untold_in_turn ON untold (turn)")
    db.execute("CREATE INDEX points_in_turn ON points (turn)")
    db.execute("CREATE TABLE owner (one INTEGER PRIMARY KEY CHECK (one = 1), incarnation TEXT NOT NULL) STRICT")


@dataclass(frozen=True, slots=True)
class Untold:
    """Points to tell, and the turn of each: a point that changes while it is told is told again."""

    points: tuple[Point, ...]
    turns: tuple[tuple[str, int], ...]


class DirectoryFile:
    """The points of a node. `close` releases the file."""

    def __init__(self, path: Path, incarnation: int) -> None:
        """Open or make it; points that another journal heard of are to be told again. Raises DirectoryDamaged, DirectoryFailed."""
        self._file = SideFile(path, migrations, failure=DirectoryFailed, damaged=DirectoryDamaged)
        with self._file.transaction() as db:
            if db.execute("SELECT incarnation FROM owner").fetchone() != (str(incarnation),):
                db.execute("INSERT OR REPLACE INTO untold SELECT code, turn FROM points")
                db.execute("INSERT OR REPLACE INTO owner VALUES (1, ?)", (str(incarnation),))

    def __len__(self) -> int:
        with self._file.transaction() as db:
            (count,) = db.execute("SELECT count(*) FROM points").fetchone()
        return int(count)

    def known(self, codes: Sequence[str]) -> dict[str, Point]:
        """Of some points those that are here. Raises DirectoryFailed, as everything below."""
        with self._file.transaction() as db:
            found = (db.execute(f"{_SELECT} WHERE code = ?", (code,)).fetchone() for code in codes)
            return {row[0]: _point(row) for row in found if row is not None}

    def states(self) -> dict[str, int]:
        """Points by state, removed ones left out."""
        sql = "SELECT state, count(*) FROM points WHERE state <> ? GROUP BY state"
        with self._file.transaction() as db:
            return dict(db.execute(sql, (PointState.REMOVED.value,)).fetchall())

    def watched(self) -> list[Point]:
        """Points that a camera of this node was entered for."""
        with self._file.transaction() as db:
            return [_point(row) for row in db.execute(f"{_SELECT} WHERE camera <> ''")]

    def put(self, points: Sequence[Point]) -> None:
        """Enter or change points, all or none. Raises CameraRefused when there is no room for them."""
        with self._file.transaction() as db:
            (turn,) = db.execute("SELECT coalesce(max(turn), 0) FROM untold").fetchone()
            (newest,) = db.execute("SELECT coalesce(max(turn), 0) FROM points").fetchone()
            turns = [max(turn, newest) + 1 + index for index in range(len(points))]
            db.executemany(_PUT, [(*_row(point), turn) for point, turn in zip(points, turns, strict=True)])
            told = [(point.code, turn) for point, turn in zip(points, turns, strict=True)]
            db.executemany("INSERT OR REPLACE INTO untold VALUES (?, ?)", told)
            (count,) = db.execute("SELECT count(*) FROM points").fetchone()
            if count > POINTS_MAX:
                raise CameraRefused(f"{count} points refused: a node keeps at most {POINTS_MAX}; enter the others at another node")

    def untold(self, limit: int) -> Untold:
        """Points that have yet to be told, in the order in which they changed."""
        columns = ", ".join(f"points.{name}" for name in _COLUMNS)
        with self._file.transaction() as db:
            order = "FROM untold JOIN points USING (code) ORDER BY untold.turn LIMIT ?"
            rows = db.execute(f"SELECT {columns}, untold.turn {order}", (limit,)).fetchall()
        return Untold(tuple(_point(row[:-1]) for row in rows), tuple((row[0], row[-1]) for row in rows))

    def told(self, turns: Sequence[tuple[str, int]]) -> None:
        """These rows are durable in the journal. What changed since stays to be told; a removed point is forgotten."""
        with self._file.transaction() as db:
            db.executemany("DELETE FROM untold WHERE code = ? AND turn = ?", turns)
            removed = [(*each, PointState.REMOVED.value) for each in turns]
            db.executemany("DELETE FROM points WHERE code = ? AND turn = ? AND state = ?", removed)

    def close(self) -> None:
        """Release the file."""
        self._file.close()


def _row(point: Point) -> tuple[object, ...]:
    return (point.code, *astuple(point.card), point.state.value, point.state_since_us, point.camera)


def _point(row: Sequence[object]) -> Point:
    code, *card, state, since_us, camera = row
    return Point(str(code), Card(*card), PointState(state), int(str(since_us)), str(camera))  # type: ignore[arg-type]


def changed(points: Iterable[Point], known: dict[str, Point]) -> Iterator[Point]:
    """Those that say something new; a point that was known keeps its state where the new one has none."""
    for point in points:
        before = known.get(point.code)
        if before is not None and point.state is PointState.UNKNOWN:
            point = replace(point, state=before.state, state_since_us=before.state_since_us, camera=point.camera or before.camera)
        if point != before:
            yield point
