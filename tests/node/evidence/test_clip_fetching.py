"""A clip under a grant: masked under any grant of clips, as it is only where the grant says so, and none under a grant of pictures."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_ai.evidence.box_track import SeenAt, TrackFile
from edge_ai.evidence.clip import film
from edge_ai.evidence.masking import Masking
from edge_ai.evidence.transport_stream import transport_stream
from edge_ai.wire.clips import ClipNote, ClipTask
from node.cases.kind import Case
from node.evidence import clip_copies
from node.evidence.clip_copies import FILM, STREAM, ClipCopies
from node.evidence.clip_fetching import CLIP, ClipQuestion, clips_of, fetched_clip
from node.evidence.errors import EvidenceFault
from node.evidence.handing_out import paper_of
from node.evidence.stamping import Stamp
from node.requests.envelope import Cursor, Question
from node.requests.shares import Share
from node.tree.routes import RouteRefused
from tests.edge_ai.evidence.kept import BEGIN, kept_clip
from tests.node.evidence.office import Office
from tests.node.evidence.test_clips import Reader
from tests.node.requests.borough import ASKER, PROVIDER, Borough

pytestmark = pytest.mark.slow

FIELDS = ("event_id", "sha256", "form", "video", "note", "masked")
VIDEO = transport_stream(kept_clip("small.h264", 12, every_s=0.1))
FRAMES = tuple(SeenAt(BEGIN.us + index * 200_000, ((0, 0.2, 0.2, 0.5, 0.8),)) for index in range(-1, 9))
BOXES = msgspec.json.encode(TrackFile(event_id="event-0001", classes=("person", "vehicle"), masking=Masking.BOXES, frames=FRAMES))


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, borough: Borough) -> Iterator[Office]:
    """The provider's evidence: one event with a clip."""
    found = Office(tmp_path_factory.mktemp("office"))
    reader = Reader(found)
    reader.wish("event-0001")
    reader.lay("event-0001", VIDEO, changes={"began_us": BEGIN.us})
    (reader.folder / "event-0001.boxes.json").write_bytes(BOXES)
    found.desk.admit_clip(ClipNote("event-0001", "c"))
    borough.routes[PROVIDER].answering[CLIP.verb] = clips_of(ClipCopies(found.desk), borough.giving[PROVIDER]).answer
    yield found
    found.close()


@pytest.fixture(autouse=True)
def films_here(monkeypatch: pytest.MonkeyPatch) -> list[ClipTask]:
    """Films without a process of their own; what was asked of it."""
    asked: list[ClipTask] = []

    async def here(path: Path, task: ClipTask) -> bytes:
        asked.append(task)
        return await asyncio.to_thread(film, path, task)

    monkeypatch.setattr(clip_copies, "filmed", here)
    return asked


async def granted(borough: Borough, **change: Any) -> Case:
    said: dict[str, Any] = {"resource": "camera-clips", "fields": FIELDS, "filter": ""}
    return await borough.granted(None, **(said | change))


async def fetched(borough: Borough, case: Case, *, unmasked: bool = False) -> Any:
    return await fetched_clip(borough.taking[ASKER], case.id, "event-0001", by="李", unmasked=unmasked)


async def test_a_grant_of_clips_gives_a_masked_and_stamped_film(borough: Borough, office: Office, films_here: list[ClipTask]) -> None:
    entered: list[Share] = []
    borough.giving[PROVIDER].noting = entered.append
    case = await granted(borough)
    found = await fetched(borough, case)
    assert (found.form, found.video[:4], found.event_id) == (FILM, b"RIFF", "event-0001")
    assert (films_here[0].boxes, films_here[0].whole, films_here[0].began_us) == (BOXES, False, BEGIN.us)
    assert all(word in films_here[0].text for word in (ASKER, "李", "event-0001", case.id))
    assert [(one.asker, one.by, one.rows, one.resource) for one in entered] == [(ASKER, "李", 1, "camera-clips")]


async def test_a_grant_of_unmasked_video_gives_the_clip_as_it_is_with_a_note_of_who_has_it(borough: Borough, office: Office) -> None:
    case = await granted(borough, filter="masked = false")
    borough.taps.clear()
    found = await fetched(borough, case, unmasked=True)
    note = msgspec.json.decode(found.note)
    assert (found.form, found.video) == (STREAM, VIDEO)
    assert (note["for_node"], note["for_person"], note["original_sha256"]) == (ASKER, "李", hashlib.sha256(VIDEO).hexdigest())
    assert case.id in note["under"]
    assert "not masked" in note["notice"]
    passed = [body for node in ("qingdao", "shinan", "shibei") for body in borough.taps[node]]
    assert passed
    assert not any(VIDEO[at : at + 24] in body for body in passed for at in range(0, len(VIDEO) - 24, 188))


@pytest.mark.parametrize("filter_text", ["", "camera = 'c'", "masked = true"])
async def test_no_other_grant_gives_unmasked_video(borough: Borough, office: Office, filter_text: str) -> None:
    case = await granted(borough, fields=(*FIELDS, "camera"), filter=filter_text)
    with pytest.raises(RouteRefused, match=r"masked = false|the unmasked clip of event event-0001 is not given"):
        await fetched(borough, case, unmasked=True)


async def test_a_grant_of_pictures_gives_no_clip(borough: Borough, office: Office) -> None:
    fields = ("event_id", "sha256", "jpeg", "masked")
    case = await granted(borough, resource="camera-evidence", fields=fields, filter="masked = false")
    for unmasked in (False, True):
        with pytest.raises(RouteRefused, match="clips belong to camera-clips"):
            await fetched(borough, case, unmasked=unmasked)


async def test_a_grant_of_unmasked_video_alone_gives_no_masked_film(borough: Borough, office: Office) -> None:
    case = await granted(borough, filter="masked = false")
    with pytest.raises(RouteRefused, match=r"the clip of event event-0001 is not given: outside the filter"):
        await fetched(borough, case)


@pytest.mark.parametrize(("unmasked", "what"), [(False, "no clip"), (True, "no unmasked clip")])
async def test_an_answer_without_video_is_told_as_what_was_asked_for(
    borough: Borough, office: Office, monkeypatch: pytest.MonkeyPatch, unmasked: bool, what: str
) -> None:
    """A provider that lets a row go although the column that it is about is not in it."""
    careless = replace(clips_of(ClipCopies(office.desk), borough.giving[PROVIDER]), sort=replace(CLIP, bytes_in="event_id"))
    monkeypatch.setitem(borough.routes[PROVIDER].answering, CLIP.verb, careless.answer)
    case = await granted(borough, fields=("event_id", "masked"), filter="masked = false" if unmasked else "")
    with pytest.raises(EvidenceFault, match=f"the answer about event-0001 holds {what}: update"):
        await fetched(borough, case, unmasked=unmasked)


async def test_a_revoked_grant_gives_nothing(borough: Borough, office: Office) -> None:
    case = await granted(borough)
    await borough.desks[PROVIDER].say(case.id, "revoke", {"why": "misused"}, by="zhao")
    with pytest.raises(RouteRefused, match="revoked"):
        await fetched(borough, case)


async def test_a_grant_that_is_revoked_while_the_film_is_made_gives_nothing(
    borough: Borough, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Making one takes seconds: what was judged before them is judged again after them."""
    case, entered = await granted(borough), list[Share]()
    borough.giving[PROVIDER].noting = entered.append

    async def revoked_meanwhile(path: Path, task: ClipTask) -> bytes:
        await borough.desks[PROVIDER].say(case.id, "revoke", {"why": "misused"}, by="zhao")
        return b"RIFF"

    monkeypatch.setattr(clip_copies, "filmed", revoked_meanwhile)
    with pytest.raises(RouteRefused, match="revoked"):
        await fetched(borough, case)
    assert entered == []


async def test_a_wish_for_a_mosaic_that_comes_while_the_film_is_made_holds_for_it(
    office: Office, films_here: list[ClipTask], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def wished_meanwhile(path: Path, task: ClipTask) -> bytes:
        films_here.append(task)
        office.desk.wants_mosaic = lambda camera: camera == "c"
        return b"whole" if task.whole else b"sharp in part"

    monkeypatch.setattr(clip_copies, "filmed", wished_meanwhile)
    try:
        copy = await ClipCopies(office.desk).made("event-0001", Stamp("grid-1", "li", 1, ""), unmasked=False)
    finally:
        office.desk.wants_mosaic = lambda camera: False
    assert (copy.data, [task.whole for task in films_here]) == (b"whole", [False, True])


async def test_a_question_is_answered_only_to_its_asker(borough: Borough, office: Office) -> None:
    case = await granted(borough)
    question = Question(case_id=case.id, provider=PROVIDER, asker=ASKER, by="li", nonce=b"c" * 16, cursor=Cursor())
    asked = ClipQuestion(question=question, event="event-0001", unmasked=False)
    forged = paper_of(CLIP, asked, borough.taking["shinan"].seal)
    with pytest.raises(RouteRefused, match="signed by shinan"):
        await borough.routes["shinan"].ask(PROVIDER, CLIP.verb, forged, timeout_s=30.0)


async def test_a_camera_that_wants_a_mosaic_by_now_leaves_nothing_of_an_old_clip_sharp(office: Office, films_here: list[ClipTask]) -> None:
    office.desk.wants_mosaic = lambda camera: camera == "c"
    try:
        await ClipCopies(office.desk).made("event-0001", Stamp("grid-1", "li", 1, ""), unmasked=False)
    finally:
        office.desk.wants_mosaic = lambda camera: False
    assert films_here[0].whole
