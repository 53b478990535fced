"""An original under a grant: only to the asker, only where the grant says unmasked, stamped, entered, unreadable on the way."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge_ai.evidence.coding import jpeg_of
from edge_ai.evidence.watermark import jpeg_size, opened, watermarked
from node.cases.kind import Case
from node.evidence import fetching
from node.evidence.errors import EvidenceFault
from node.evidence.fetching import ORIGINAL, PictureQuestion, fetched_original, originals_of
from node.evidence.handing_out import paper_of
from node.evidence.stamping import Stamp
from node.requests.envelope import Cursor, Question
from node.requests.fetched import Fetched
from node.requests.shares import Share
from node.tree.routes import RouteRefused
from tests.node.evidence.office import Office
from tests.node.requests.borough import ASKER, PROVIDER, WALL_US, Borough

pytestmark = pytest.mark.slow

FIELDS = ("event_id", "sha256", "jpeg", "masked")


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, borough: Borough) -> Iterator[Office]:
    """The provider's evidence: one event, whose original shows a white square on grey."""
    found = Office(tmp_path_factory.mktemp("office"))
    found.happened("event-0001", original=picture())
    borough.routes[PROVIDER].answering[ORIGINAL.verb] = originals_of(found.desk, borough.giving[PROVIDER]).answer
    yield found
    found.close()


@pytest.fixture
def stamps_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The watermark without a process of its own, for tests that are about something else."""

    async def here(jpeg: bytes, stamp: Stamp) -> bytes:
        return jpeg_of(watermarked(opened(jpeg), stamp.line), bytes_max=1 << 20)

    monkeypatch.setattr(fetching, "stamped", here)


def picture() -> bytes:
    pixels = np.full((240, 320, 3), 90, np.uint8)
    pixels[100:140, 140:180] = 255
    return bytes(cv2.imencode(".jpg", pixels)[1])


async def granted(borough: Borough, changes: dict[str, object] | None = None, **change: Any) -> Case:
    said: dict[str, Any] = {"resource": "camera-evidence", "fields": FIELDS, "filter": "masked = false"}
    return await borough.granted(changes, **(said | change))


async def test_the_asker_gets_a_stamped_copy_that_is_entered_at_both_ends(borough: Borough, office: Office, tmp_path: Path) -> None:
    entered: list[Share] = []
    borough.giving[PROVIDER].noting = entered.append
    fetched = Fetched(tmp_path / "fetched.db")
    case = await granted(borough)
    taking = borough.taking[ASKER]
    found = await fetched_original(replace(taking, fetched=fetched), case.id, "event-0001", by="李")
    assert jpeg_size(found.jpeg) != jpeg_size(picture())
    assert (found.event_id, found.original_sha256) == ("event-0001", hashlib.sha256(picture()).hexdigest())
    copy = opened(found.jpeg)
    assert copy[120, 160].min() > 200
    assert copy[240:].max() > 200
    assert [(one.asker, one.by, one.rows, one.resource) for one in entered] == [(ASKER, "李", 1, "camera-evidence")]
    assert borough.desks[PROVIDER].shown(case.id)["shares"]["pages"] == 1
    assert fetched.of(["camera-evidence"]) == (1, [case.id])
    fetched.close()


@pytest.mark.usefixtures("stamps_here")
async def test_nodes_between_see_no_pixel(borough: Borough, office: Office) -> None:
    case = await granted(borough)
    borough.taps.clear()
    found = await fetched_original(borough.taking[ASKER], case.id, "event-0001", by="li")
    passed = [body for node in ("qingdao", "shinan", "shibei") for body in borough.taps[node]]
    assert passed
    assert not any(found.jpeg[offset : offset + 16] in body for body in passed for offset in (0, 200, len(found.jpeg) - 40))


async def test_a_grant_of_rows_gives_no_original(borough: Borough, office: Office) -> None:
    for filter_text in ("", "camera = 'c'"):
        case = await granted(borough, fields=(*FIELDS, "camera"), filter=filter_text)
        with pytest.raises(RouteRefused, match="masked = false"):
            await fetched_original(borough.taking[ASKER], case.id, "event-0001", by="li")


@pytest.mark.usefixtures("stamps_here")
async def test_a_grant_of_masked_pictures_or_of_other_columns_gives_no_original(borough: Borough, office: Office) -> None:
    masked = await granted(borough, filter="masked = true")
    with pytest.raises(RouteRefused, match="outside the filter"):
        await fetched_original(borough.taking[ASKER], masked.id, "event-0001", by="li")
    without = await granted(borough, fields=("event_id", "masked"))
    with pytest.raises(RouteRefused, match="outside the filter or the fields"):
        await fetched_original(borough.taking[ASKER], without.id, "event-0001", by="li")


@pytest.mark.usefixtures("stamps_here")
async def test_the_provider_may_narrow_a_grant_to_one_camera(borough: Borough, office: Office) -> None:
    case = await granted(borough, {"filter": "camera = 'another'"})
    with pytest.raises(RouteRefused, match="outside the filter"):
        await fetched_original(borough.taking[ASKER], case.id, "event-0001", by="li")


async def test_a_revoked_grant_gives_nothing(borough: Borough, office: Office) -> None:
    case = await granted(borough)
    await borough.desks[PROVIDER].say(case.id, "revoke", {"why": "misused"}, by="zhao")
    with pytest.raises(RouteRefused, match="revoked"):
        await fetched_original(borough.taking[ASKER], case.id, "event-0001", by="li")


@pytest.mark.usefixtures("stamps_here")
async def test_a_question_is_answered_once_and_only_to_its_asker(borough: Borough, office: Office) -> None:
    case = await granted(borough)
    question = Question(case_id=case.id, provider=PROVIDER, asker=ASKER, by="li", nonce=b"n" * 16, cursor=Cursor())
    asked = PictureQuestion(question=question, picture="event-0001")
    paper = paper_of(ORIGINAL, asked, borough.taking[ASKER].seal)
    await borough.routes[ASKER].ask(PROVIDER, ORIGINAL.verb, paper, timeout_s=30.0)
    with pytest.raises(RouteRefused, match="answered already"):
        await borough.routes["qingdao"].ask(PROVIDER, ORIGINAL.verb, paper, timeout_s=30.0)
    forged = paper_of(ORIGINAL, asked, borough.taking["shinan"].seal)
    with pytest.raises(RouteRefused, match="signed by shinan"):
        await borough.routes["shinan"].ask(PROVIDER, ORIGINAL.verb, forged, timeout_s=30.0)


async def test_a_picture_that_is_not_here_any_more_is_told_so_and_nothing_is_entered(borough: Borough, office: Office) -> None:
    case = await granted(borough)
    office.happened("event-0003", original=b"another")
    office.desk.drop("event-0003")
    with pytest.raises(RouteRefused, match="dropped"):
        await fetched_original(borough.taking[ASKER], case.id, "event-0003", by="li")
    assert borough.desks[PROVIDER].shown(case.id)["shares"]["pages"] == 0


async def test_an_original_that_is_no_picture_is_not_handed_out(borough: Borough, office: Office) -> None:
    office.happened("event-0002", original=b"no picture", at_us=WALL_US)
    case = await granted(borough)
    with pytest.raises(RouteRefused, match="no watermark"):
        await fetched_original(borough.taking[ASKER], case.id, "event-0002", by="--x")


async def test_an_answer_without_a_picture_is_told_as_an_original(
    borough: Borough, office: Office, monkeypatch: pytest.MonkeyPatch, stamps_here: None
) -> None:
    """A provider that lets a row go although the column that it is about is not in it."""
    careless = replace(originals_of(office.desk, borough.giving[PROVIDER]), sort=replace(ORIGINAL, bytes_in="event_id"))
    monkeypatch.setitem(borough.routes[PROVIDER].answering, ORIGINAL.verb, careless.answer)
    case = await granted(borough, fields=("event_id", "masked"))
    with pytest.raises(EvidenceFault, match="the answer about event-0001 holds no original: update"):
        await fetched_original(borough.taking[ASKER], case.id, "event-0001", by="li")


async def test_a_page_of_rows_in_answer_to_a_picture_is_refused(borough: Borough, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(body: bytes) -> bytes:
        return await borough.giving[PROVIDER].answer(body)

    monkeypatch.setitem(borough.routes[PROVIDER].answering, ORIGINAL.verb, nothing)
    case = await granted(borough)
    with pytest.raises((RouteRefused, EvidenceFault)):
        await fetched_original(borough.taking[ASKER], case.id, "event-0001", by="li")
