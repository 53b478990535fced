"""A policy that tightens later: a relay withholds pictures that it holds; it cannot mask them, because only edge_ai touches pixels."""

from __future__ import annotations

import hashlib

import pyarrow as pa
import pytest

from policies import Basis, Bundle, Contents, Entry, Ruleset, Verdict, Way, merge
from policies.catalogue import Scalar
from policies.presets import preset_bundle
from sync.model import Level
from tests.policies.city import END_US, city, gate, rows_of, stored, up_to

QUOTE = "pictures of the square stay in the street"
ENTRY = Entry(
    id="NL-square", effect=Verdict.DENY, resource="camera-evidence", fields=("jpeg", "thumb_rgb"), ways=(Way.UP,),
    basis=Basis("an order", "9", QUOTE, hashlib.sha256(QUOTE.encode()).hexdigest()), approver="qingdao", valid_from_us=0,
    valid_to_us=END_US, appeal="room 9",
)  # fmt: skip
EVIDENCE = city().resources["camera-evidence"]
JPEG, THUMB = b"masked", b"rgb"
ROW: dict[str, Scalar] = {
    "territory": "370202001", "sha256": "a" * 64, "event_id": "e1", "jpeg": JPEG.hex(), "thumb_rgb": THUMB.hex(), "masked": True,
}  # fmt: skip


def rules(*entries: Entry) -> Ruleset:
    """The province's rules, and those of a city with these entries."""
    city_bundle = Bundle("qingdao", Level.MUNICIPAL, 1, 0, END_US, Contents(entries=entries))
    return merge([preset_bundle(Level.PROVINCIAL, issuer="shandong", not_before_us=0, not_after_us=END_US), city_bundle])


def sent(ruleset: Ruleset, relay: Level, target: Level) -> dict[str, object]:
    """The row as `relay`, which has it from below, sends it on."""
    batch = rows_of(EVIDENCE, [ROW])
    released = gate(relay, ruleset).release(up_to(target), stored(EVIDENCE, batch, distance=1), batch)
    rows = batch if released.rows is None else released.rows
    return dict(pa.Table.from_batches([rows]).to_pylist()[0])


@pytest.mark.parametrize(("relay", "target"), [(Level.STREET, Level.DISTRICT), (Level.DISTRICT, Level.MUNICIPAL)])
def test_a_relay_withholds_a_picture_under_a_stricter_policy_and_passes_the_rest(relay: Level, target: Level) -> None:
    assert sent(rules(), relay, target)["jpeg"] == JPEG
    under = sent(rules(ENTRY), relay, target)
    assert (under["jpeg"], under["thumb_rgb"]) == (None, None)
    assert (under["event_id"], under["sha256"]) == ("e1", "a" * 64)
