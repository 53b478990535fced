"""Unmasked video under a grant that says so: judged piece by piece, told with its gaps, kept by nobody between, over when the grant is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_ai.wire.views import PIECE_BYTES_MAX
from node.cameras.errors import CameraUnknown, ViewRefused
from node.cameras.viewing.kind import ViewKind
from node.cameras.viewing.pace import PIECE_BYTES_FIRST
from node.cameras.viewing.pictures import PICTURES
from node.cameras.viewing.taking import RemoteView, granted_view
from node.cameras.viewing.video import VIDEO, VIDEO_S_MAX, WATCH, LivePiece, LiveVideo, Note, VideoSource, _read
from node.cases.kind import Case
from node.evidence.clip_copies import NOTICE
from node.evidence.stamping import Stamp
from node.requests.envelope import Paper
from node.requests.fetched import Fetched
from node.tree.routes import Reply, RouteRefused
from tests.node.cameras.viewing.test_giving import replace_clock
from tests.node.cameras.viewing.yard import PIECE, Yard
from tests.node.requests.borough import ASKER, PROVIDER, Borough

pytestmark = pytest.mark.slow

FIELDS = ("camera", "event_id", "form", "video", "note", "masked")
UNMASKED = "event_id = 'live' and masked = false and camera = 'yard'"
BETWEEN = ("qingdao", "shinan", "shibei")
STAMP = Stamp("a", "li", 1, "r")


async def granted(borough: Borough, changes: dict[str, object] | None = None, **change: Any) -> Case:
    said: dict[str, Any] = {"resource": "camera-clips", "fields": FIELDS, "filter": UNMASKED}
    return await borough.granted(changes, **(said | change))


def view_of(borough: Borough, case: Case, *, kind: ViewKind = VIDEO, fetched: Fetched | None = None, **changes: Any) -> RemoteView:
    taking = borough.taking[ASKER] if fetched is None else replace(borough.taking[ASKER], fetched=fetched)
    said: dict[str, Any] = {"camera": "yard", "by": "li", "view": "0" * 16, "why": "fire at gate 1"} | changes
    return RemoteView(kind=kind, taking=taking, case_id=case.id, provider=PROVIDER, **said)


async def test_pieces_come_in_order_each_with_its_note_and_the_view_has_two_entries(borough: Borough, yard: Yard, tmp_path: Path) -> None:
    case, fetched = await granted(borough), Fetched(tmp_path / "fetched.db")
    view = view_of(borough, case, fetched=fetched)
    pieces = [await view.newest() for _ in range(3)]
    assert [piece.data for piece in pieces] == [PIECE + str(number).encode() for number in (1, 2, 3)]
    assert [piece.position for piece in pieces] == [1, 2, 3]
    await view.end()
    assert yard.steps == [("begin", 0), ("end", 75)]
    assert [one["why"] for one in yard.noted] == ["fire at gate 1", "over"]
    said = {(one["by"], one["request"], one["resource"], one["shows"], one["purpose"]) for one in yard.noted}
    assert said == {("li", case.id, "camera-clips", VIDEO.name, "city-management")}
    assert borough.desks[PROVIDER].shown(case.id)["shares"]["rows"] == 3
    assert fetched.of(["camera-clips"]) == (1, [case.id])
    fetched.close()


async def test_while_records_wait_for_the_link_nothing_comes_and_the_view_goes_on_behind_them(borough: Borough, yard: Yard) -> None:
    waiting = [False, True, True, False]
    yard.video_giving.must_yield = lambda: waiting.pop(0)
    view = view_of(borough, await granted(borough))
    pieces = [await view.newest() for _ in range(4)]
    assert [piece.missing for piece in pieces] == ["", "records-first", "records-first", ""]
    assert all(isinstance(piece, LivePiece) for piece in pieces), "the API answers as for video"
    assert [order.mark for order in yard.watched] == [b"", b"1"]


async def test_the_size_of_pieces_follows_how_soon_the_next_is_asked_for(borough: Borough, yard: Yard) -> None:
    view, clock = view_of(borough, await granted(borough)), borough.giving[PROVIDER].clock
    now = clock.now()
    yard.video_giving.giving = replace_clock(yard.video_giving.giving, lambda: now)
    for pause_s in (0.1, 0.1, 20.0, 0.1):
        await view.newest()
        now = now.plus(pause_s)
    assert [order.bytes_max for order in yard.watched][:3] == [PIECE_BYTES_FIRST, 2 * PIECE_BYTES_FIRST, 4 * PIECE_BYTES_FIRST]
    assert yard.watched[3].bytes_max < PIECE_BYTES_FIRST


async def test_gaps_are_told_to_the_asker(borough: Borough, yard: Yard) -> None:
    view = view_of(borough, await granted(borough))
    await view.newest()
    yard.lost_s = 4.5
    piece = await view.newest()
    assert isinstance(piece, LivePiece)
    assert (piece.lost_s, piece.codec, piece.pictures, piece.time_us) == (4.5, "H264", 25, 1_002)


async def test_a_piece_that_was_lost_on_its_way_is_made_again(borough: Borough, yard: Yard) -> None:
    view = view_of(borough, await granted(borough))
    first = await view.newest()
    await view.newest()
    view._position = first.position
    assert (await view.newest()).data == PIECE + b"2"
    assert [order.mark for order in yard.watched] == [b"", b"1", b"1"]
    assert (await view.newest()).data == PIECE + b"3"


async def test_a_place_that_was_lost_ends_the_view_instead_of_hiding_what_is_missing(borough: Borough, yard: Yard) -> None:
    case = await granted(borough)
    view = view_of(borough, case)
    await view.newest()
    await view.newest()
    yard.anew()
    with pytest.raises(RouteRefused, match="stands at piece 0, the asker at 2: begin a new view"):
        await view.newest()


async def test_nodes_between_keep_nothing_of_it_and_see_no_byte(borough: Borough, yard: Yard) -> None:
    case = await granted(borough)
    view = view_of(borough, case)
    await view.newest()
    before = {node: _stored(borough, node) for node in BETWEEN}
    borough.taps.clear()
    for _ in range(3):
        await view.newest()
    passed = {node: borough.taps[node] for node in BETWEEN}
    assert all(sum(len(body) for body in bodies) > 2 * len(PIECE) for bodies in passed.values())
    assert not any(PIECE[at : at + 16] in body for bodies in passed.values() for body in bodies for at in (0, 400, len(PIECE) - 40))
    for node in BETWEEN:
        assert _stored(borough, node) == before[node]
        on_disk = b"".join(path.read_bytes() for path in _files(borough, node))
        assert len(on_disk) > 1_000, "the journal of a relay is where this looks"
        sealed = [body for passing in passed[node] for body in _sealed(passing)]
        assert len(sealed) >= 3
        assert not any(body[len(body) // 2 :][:16] in on_disk for body in sealed)


def _sealed(passing: bytes) -> Iterator[bytes]:
    """What is sealed in an answer on its way; nothing of a question. Certificates travel openly, and lie at a relay for other reasons."""
    with suppress(msgspec.ValidationError):
        yield msgspec.msgpack.decode(msgspec.msgpack.decode(passing, type=Reply).body, type=Paper).body


def _files(borough: Borough, node: str) -> Iterator[Path]:
    for folder in (borough.folder / "town" / node, borough.folder / f"policy-{node}"):
        yield from (path for path in folder.rglob("*") if path.is_file())


def _stored(borough: Borough, node: str) -> tuple[int, dict[str, int]]:
    """The last position of a node's journal, and its files with their sizes."""
    sizes = {path.name: path.stat().st_size for path in _files(borough, node)}
    return borough.town.offices[node].shelf.journal.last_lsn, sizes


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"filter": ""}, "gives no live view of unmasked video"),
        ({"filter": "masked = false"}, "gives no live view of unmasked video"),
        ({"filter": "event_id = 'live'"}, "gives no live view of unmasked video"),
        ({"filter": "camera = 'live' and masked = false and event_id <> 'x'"}, "gives no live view of unmasked video"),
        ({"filter": "event_id = 'live' and masked = true"}, "not shown: outside the filter"),
        ({"filter": "event_id = 'live' and masked = false and camera = 'gate'"}, "not shown: outside the filter"),
        ({"fields": ("camera", "event_id", "video", "masked")}, "not shown: outside the filter or the fields"),
    ],
    ids=["nothing", "clips", "live", "a camera of that name", "masked", "another camera", "no note"],
)
async def test_no_other_grant_gives_it(borough: Borough, yard: Yard, change: dict[str, Any], why: str) -> None:
    case = await granted(borough, **change)
    with pytest.raises(RouteRefused, match=why):
        await view_of(borough, case).newest()
    assert not yard.noted
    assert not yard.watched


async def test_a_grant_of_masked_pictures_gives_it_neither_and_says_what_to_ask_for(borough: Borough, yard: Yard) -> None:
    filters = "event_id = 'live' and masked = true"
    case = await granted(borough, resource="camera-evidence", fields=("camera", "event_id", "jpeg", "masked"), filter=filters)
    with pytest.raises(RouteRefused, match=r"belong to camera-clips; ask with `yunnao request ask camera-clips .* masked = false"):
        await view_of(borough, case).newest()


async def test_a_grant_of_unmasked_video_gives_no_masked_pictures_view(borough: Borough, yard: Yard) -> None:
    with pytest.raises(RouteRefused, match="belong to camera-evidence"):
        await view_of(borough, await granted(borough), kind=PICTURES).newest()
    assert not yard.orders


async def test_nobody_looks_without_saying_why(borough: Borough, yard: Yard) -> None:
    with pytest.raises(RouteRefused, match="say why you look"):
        await view_of(borough, await granted(borough), why=" ").newest()


async def test_a_revoked_grant_ends_the_view_with_the_next_piece(borough: Borough, yard: Yard) -> None:
    case = await granted(borough)
    view = view_of(borough, case)
    await view.newest()
    await borough.desks[PROVIDER].say(case.id, "revoke", {"why": "misused"}, by="zhao")
    with pytest.raises(RouteRefused, match="revoked"):
        await view.newest()
    assert yard.steps == [("begin", 0), ("end", 25)]
    assert len(yard.watched) == 1


async def test_a_view_lasts_an_hour_at_most(borough: Borough, yard: Yard) -> None:
    view, clock = view_of(borough, await granted(borough)), borough.giving[PROVIDER].clock
    await view.newest()
    then = clock.now().plus(VIDEO_S_MAX + 1)
    yard.video_giving.giving = replace_clock(yard.video_giving.giving, lambda: then)
    with pytest.raises(RouteRefused, match="lasts at most 3600 s"):
        await view.newest()
    assert yard.noted[-1]["seconds"] == VIDEO_S_MAX + 1


async def test_no_more_bytes_leave_than_the_pace_gives(borough: Borough, yard: Yard) -> None:
    yard.anew(bytes_per_s=1)
    view = view_of(borough, await granted(borough))
    assert (await view.newest()).data
    assert (await view.newest()).missing == "pace"
    assert len(yard.watched) == 1


async def test_two_views_of_a_camera_are_the_most(borough: Borough, yard: Yard) -> None:
    case = await granted(borough)
    for name in ("0" * 16, "1" * 16):
        await view_of(borough, case, view=name).newest()
    with pytest.raises(RouteRefused, match="2 views are open here, 2 of camera yard"):
        await view_of(borough, case, view="2" * 16).newest()


async def test_what_a_camera_lacks_is_a_word_and_no_end(borough: Borough, yard: Yard) -> None:
    view = view_of(borough, await granted(borough))
    yard.missing = "no-key-picture"
    assert (await view.newest()).missing == "no-key-picture"
    yard.missing = ""
    assert (await view.newest()).position == 1


async def test_a_provider_of_a_former_program_is_named(borough: Borough, yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(borough.routes[PROVIDER].answering, WATCH)
    with pytest.raises(ViewRefused, match=f"{PROVIDER} runs a program without live view of unmasked video"):
        await view_of(borough, await granted(borough)).newest()


async def test_the_newest_grant_of_the_kind_is_found(borough: Borough, yard: Yard) -> None:
    case = await granted(borough)
    later = await granted(borough, filter="masked = false")
    found = await granted_view(borough.taking[ASKER], VIDEO, PROVIDER, "", camera="yard")
    assert found.id != later.id
    assert (await granted_view(borough.taking[ASKER], VIDEO, PROVIDER, case.id, camera="yard")).id == case.id
    with pytest.raises(ViewRefused, match="shinan has granted no live view of unmasked video"):
        await granted_view(borough.taking[ASKER], VIDEO, "shinan", "", camera="yard")


async def test_a_camera_that_is_not_here_or_sees_nothing_is_named() -> None:
    video = LiveVideo(lambda: [{"camera": "yard", "state": "lost", "why": "no cable"}], lambda order: None)
    assert await VideoSource(video, "yard").newest(STAMP, 0, PIECE_BYTES_MAX) == LivePiece(missing="lost", why="no cable")
    with pytest.raises(CameraUnknown, match="nowhere"):
        await VideoSource(video, "nowhere").newest(STAMP, 0, PIECE_BYTES_MAX)


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"note": "{"}, "does not parse"), ({"note": "{}"}, "does not parse"), ({"video": b"another"}, "not what its note says"),
     ({"video": bytes(900_001)}, "not what its note says")],
)  # fmt: skip
def test_a_piece_that_is_not_what_it_says_is_refused(changes: dict[str, Any], why: str) -> None:
    cells = VIDEO.cells(LivePiece(b"G", 1, 1, "H264", 1), STAMP, "yard")
    note = msgspec.json.decode(cells["note"], type=Note)
    assert (note.notice, note.for_node, note.for_person, note.under) == (NOTICE, "a", "li", "r")
    assert _read(cells, 1).data == b"G"
    with pytest.raises(ViewRefused, match=why):
        _read(cells | changes, 1)
