"""What a view shows, masked pictures or the camera's own video, as rows that gate, grants and the negative list judge like any other.

Owns the word by which a grant speaks of what is live, `event_id = 'live'`, and how each kind is asked for: who may have rows of events has
no live view by that, and who may have masked pictures no unmasked video. Pure. Called by desk.py, giving.py and taking.py; the kinds
themselves are in pictures.py and video.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

from node.evidence.stamping import Stamp
from node.ingest.inbox import to_record_batch
from policies.catalogue import Resource, schema
from policies.grant import Grant
from policies.granting import MASKED, speaks_of

LIVE = "live"
"""`event_id` of what is shown of now."""
EVENT_ID = "event_id"


class Live(Protocol):
    """A picture or a piece of video of now, or why there is none."""

    @property
    def data(self) -> bytes:
        """Its bytes; empty where `missing` says why."""

    @property
    def position(self) -> int:
        """Where it stands in its view: what whoever looks says it has, so that the next one follows."""

    @property
    def pictures(self) -> int:
        """How many pictures it has."""

    @property
    def time_us(self) -> int:
        """Wall clock of its newest picture."""

    @property
    def missing(self) -> str:
        """One word; empty: it is there."""

    @property
    def why(self) -> str:
        """More about it, for people at this node alone."""


class Source(Protocol):
    """What one view shows, at the node that has the camera."""

    async def newest(self, stamp: Stamp, known: int, bytes_max: int) -> Live:
        """What follows position `known`, for whom the stamp names; where it has parts, of `bytes_max` bytes at most. Raises CameraError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewKind:
    """One kind of view, as both ends know it."""

    name: str
    """In a word, for people."""
    verb: str
    """Of the question between nodes."""
    label: bytes
    """What signatures of its questions begin with."""
    resource: str
    grade: int
    columns: tuple[str, ...]
    """All of them have to be given, or nothing is; the first holds the bytes."""
    fields: str
    """What a request has to ask for."""
    unmasked: bool
    views_max: int
    """Of other nodes at the same time; of one asker and of one camera at most half."""
    seconds_max: float
    """After which a view is over."""
    cells: Callable[[Live, Stamp, str], dict[str, Any]]
    """The row's cells beyond what every row says: of a live one, for whom it is, and its camera."""
    read: Callable[[dict[str, Any], int], Live]
    """What an asker makes of a row and of its position. Raises ViewRefused."""
    nothing: Callable[[str], Live]
    """Nothing came, and a word that says why."""

    def how(self, node: str, camera: str) -> str:
        """How it is asked for, of a camera of a node."""
        masked = str(not self.unmasked).lower()
        return (
            f"`yunnao request ask {self.resource} --of {node} --fields {self.fields} "
            f"--filter \"event_id = '{LIVE}' and masked = {masked} and camera = '{camera}'\" ...`"
        )

    def is_spoken_of(self, grant: Grant, resource: Resource) -> bool:
        """True when a grant names this kind; whether its filters let a row through is the gate's to say."""
        is_live = grant.resource == self.resource and speaks_of(grant, resource, EVENT_ID, LIVE)
        return is_live and (not self.unmasked or speaks_of(grant, resource, MASKED))

    def row(self, resource: Resource, live: Live, stamp: Stamp, *, camera: str, territory: str) -> pa.RecordBatch:
        """One row; columns that say nothing of it are empty."""
        known = schema(resource)
        said: dict[str, Any] = {
            "event_time": live.time_us, "territory": territory, "grade": self.grade, EVENT_ID: LIVE, "camera": camera,
            MASKED: not self.unmasked, **self.cells(live, stamp, camera),
        }  # fmt: skip
        return to_record_batch(known, [(said.get(name),) for name in known.names])

    def cells_in(self, rows: pa.RecordBatch | None) -> dict[str, Any]:
        """What a gate left of one row; empty where something of `columns` is missing."""
        if rows is None or rows.num_rows != 1 or not set(self.columns) <= set(rows.schema.names):
            return {}
        cells: dict[str, Any] = rows.to_pylist()[0]
        return cells if all(cells[name] for name in self.columns) else {}
