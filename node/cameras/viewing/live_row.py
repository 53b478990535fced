"""A picture of now as a row of `camera-evidence`, so that gate, grants and the negative list judge it like any picture of the camera.

Owns the word by which a grant speaks of live pictures: `event_id = 'live'`. Who may have rows of events has no live view by that. Pure.
Called by desk.py and giving.py.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from node.cameras.rows import EVIDENCE, GRADE
from node.cameras.viewing.pictures import LivePicture
from node.ingest.inbox import to_record_batch
from policies.catalogue import Resource, schema
from policies.grant import Grant
from policies.predicate import compile_predicate

LIVE = "live"
"""`event_id` of a picture of now."""
EVENT_ID = "event_id"
HOW = (
    f"`yunnao request ask {EVIDENCE} --of NODE --fields camera,event_id,jpeg,masked "
    f"--filter \"event_id = '{LIVE}' and masked = true and camera = 'ID'\" ...`"
)
"""How live pictures are asked for."""


def live_row(resource: Resource, picture: LivePicture, *, camera: str, territory: str) -> pa.RecordBatch:
    """One row; columns that say nothing of it are empty. No hash: nothing of it is kept that it could vouch for."""
    known = schema(resource)
    said: dict[str, Any] = {
        "event_time": picture.time_us, "territory": territory, "grade": GRADE, EVENT_ID: LIVE, "camera": camera,
        "jpeg": picture.jpeg, "masked": True,
    }  # fmt: skip
    return to_record_batch(known, [(said.get(name),) for name in known.names])


def speaks_of_live(grant: Grant, resource: Resource) -> bool:
    """True when a filter of the grant names live pictures; whether it lets this one through is the gate's to say."""
    known = schema(resource)
    texts = [text for text in (grant.asked, grant.limit) if f"'{LIVE}'" in text]
    return any(EVENT_ID in compile_predicate(text, known).columns for text in texts)


def picture_in(rows: pa.RecordBatch | None) -> bytes:
    """The JPEG that a gate left in one row; empty for none."""
    if rows is None or rows.num_rows != 1 or "jpeg" not in rows.schema.names:
        return b""
    jpeg = rows.column("jpeg")[0].as_py()
    return jpeg if isinstance(jpeg, bytes) else b""
