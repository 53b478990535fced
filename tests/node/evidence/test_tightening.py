"""A policy that tightens later: a relay withholds pictures that it holds; it cannot mask them, because only edge_ai touches pixels."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pytest

from edge_ai.evidence import remask
from edge_ai.evidence.coding import original_named_in
from edge_ai.evidence.masking import mosaic
from edge_ai.evidence.watermark import opened
from edge_ai.wire.events import Remasked
from node.evidence import remasking
from node.evidence.book import Picture
from node.evidence.errors import EvidenceDamaged
from node.evidence.remasking import Remasking
from policies import Basis, Bundle, Contents, Entry, Ruleset, Verdict, Way, merge
from policies.catalogue import Scalar
from policies.presets import preset_bundle
from sync.model import Level
from tests.node.evidence.office import NOON_US, Office
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


def test_a_relay_withholds_older_pictures_until_the_origin_sends_them_again() -> None:
    entry = replace(ENTRY, predicate="event_time < '2026-09-22T00:00:00Z'")
    made_us = NOON_US + 86_400_000_000
    old, new = rows_of(EVIDENCE, [ROW | {"event_time": NOON_US}]), rows_of(EVIDENCE, [ROW | {"event_time": made_us, "sha256": "b" * 64}])
    relay = gate(Level.STREET, rules(entry))
    passed = [relay.release(up_to(Level.DISTRICT), stored(EVIDENCE, rows, distance=1), rows) for rows in (old, new)]
    told = [rows if one.rows is None else one.rows for one, rows in zip(passed, (old, new), strict=True)]
    assert [[row["jpeg"] for row in pa.Table.from_batches([rows]).to_pylist()] for rows in told] == [[None], [JPEG]]


@pytest.fixture
def sent_again(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Remasked, int]]:
    """What was sent again; masking happens here instead of in a process."""

    async def here(original: bytes) -> Remasked:
        return remask.remasked(original)

    monkeypatch.setattr(remasking, "remasked", here)
    return []


def remasking_of(office: Office, sent: list[tuple[str, Remasked, int]]) -> Remasking:
    def resend(picture: Picture, made: Remasked, at_us: int, done: Callable[[], None]) -> None:
        sent.append((picture.event_id, made, at_us))
        done()

    return Remasking(office.desk, resend, office.clock)


async def test_a_stricter_wish_masks_what_had_left_anew_once(office: Office, sent_again: list[tuple[str, Remasked, int]]) -> None:
    original = bytes(cv2.imencode(".jpg", np.random.default_rng(1).integers(0, 255, (240, 320, 3), np.uint8))[1])
    office.happened("e1", original=original)
    job = remasking_of(office, sent_again)
    assert await job.look() == 0
    office.desk.wants_mosaic = lambda camera: camera == "c"
    assert [await job.look(), await job.look()] == [1, 0]
    ((event_id, made, at_us),) = sent_again
    assert (event_id, at_us, made.info.masking) == ("e1", NOON_US, "mosaic")
    assert original_named_in(made.jpeg) == hashlib.sha256(original).hexdigest()
    shown = opened(made.jpeg)
    assert np.abs(shown.astype(int) - mosaic(opened(original)).astype(int)).mean() < 8
    assert office.desk.picture("e1").masking == "mosaic"


async def test_what_left_coarse_or_has_no_original_any_more_is_not_sent_again(office: Office, sent_again: list[Any]) -> None:
    office.desk.wants_mosaic = lambda camera: True
    office.happened("e1")
    office.happened("e2")
    office.desk.book.masked_as("e1", "mosaic")
    office.desk.drop("e2")
    assert await remasking_of(office, sent_again).look() == 0
    assert sent_again == []


async def test_a_picture_from_before_the_book_knew_is_judged_by_what_lies_beside_it(office: Office, sent_again: list[Any]) -> None:
    office.happened("e1")
    office.desk.book.masked_as("e1", "")
    office.desk.wants_mosaic = lambda camera: True
    path = office.desk.store.boxes_of("e1", NOON_US)
    path.write_bytes(path.read_bytes().replace(b'"masking":"boxes"', b'"masking":"mosaic"'))
    assert await remasking_of(office, sent_again).look() == 1
    assert (sent_again, office.desk.picture("e1").masking) == ([], "mosaic")


async def test_a_picture_that_cannot_be_masked_anew_keeps_no_other_from_it(
    office: Office, sent_again: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest come first, and one look takes one picture here: the damaged one must not be taken again and again."""
    monkeypatch.setattr(remasking, "ROUND_MAX", 1)
    for name in ("e1", "e2"):
        office.happened(name, original=bytes(cv2.imencode(".jpg", np.full((48, 64, 3), int(name[1]) * 60, np.uint8))[1]))
    office.desk.wants_mosaic = lambda camera: True
    damaged = office.desk.store.path_of(office.desk.picture("e2").sha256, NOON_US)
    whole = damaged.read_bytes()
    damaged.write_bytes(b"nothing")
    job = remasking_of(office, sent_again)
    with pytest.raises(EvidenceDamaged, match="not what its name says"):
        await job.look()
    assert await job.look() == 1
    assert [event_id for event_id, _, _ in sent_again] == ["e1"]
    damaged.write_bytes(whole)
    assert await job.look() == 1
    assert office.desk.picture("e2").masking == "mosaic"
