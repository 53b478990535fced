"""A live view under a grant: judged picture by picture, entered at its two ends, unreadable on the way, and over when the grant is."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from node.cameras.errors import ViewRefused
from node.cameras.viewing.giving import SILENT_S
from node.cameras.viewing.papers import ViewQuestion, view_paper
from node.cameras.viewing.pictures import PICTURES, VIEW
from node.cameras.viewing.taking import RemoteView, granted_view
from node.cases.kind import Case
from node.requests.envelope import Cursor, Question
from node.requests.fetched import Fetched
from node.tree.routes import RouteRefused
from tests.node.cameras.viewing.yard import PICTURE, Yard
from tests.node.requests.borough import ASKER, PROVIDER, Borough

pytestmark = pytest.mark.slow

FIELDS = ("camera", "event_id", "jpeg", "masked")
LIVE = "event_id = 'live' and masked = true and camera = 'yard'"


async def granted(borough: Borough, changes: dict[str, object] | None = None, **change: Any) -> Case:
    said: dict[str, Any] = {"resource": "camera-evidence", "fields": FIELDS, "filter": LIVE}
    return await borough.granted(changes, **(said | change))


def view_of(borough: Borough, case: Case, *, camera: str = "yard", name: str = "0" * 16, fetched: Fetched | None = None) -> RemoteView:
    taking = borough.taking[ASKER] if fetched is None else replace(borough.taking[ASKER], fetched=fetched)
    return RemoteView(kind=PICTURES, taking=taking, case_id=case.id, camera=camera, by="li", view=name, provider=PROVIDER)


async def test_a_view_shows_each_picture_once_and_has_two_entries_at_each_end(borough: Borough, yard: Yard, tmp_path: Path) -> None:
    case, fetched = await granted(borough), Fetched(tmp_path / "fetched.db")
    view = view_of(borough, case, fetched=fetched)
    assert (await view.newest()).data == PICTURE
    assert (await view.newest()).missing == "same"
    yard.time_us += 1
    assert (await view.newest()).data == PICTURE
    await view.end()
    assert yard.steps == [("begin", 0), ("end", 2)]
    assert {(one["asker"], one["by"], one["request"], one["camera"]) for one in yard.noted} == {(ASKER, "li", case.id, "yard")}
    assert borough.desks[PROVIDER].shown(case.id)["shares"]["rows"] == 2
    assert fetched.of(["camera-evidence"]) == (1, [case.id])
    fetched.close()


@pytest.mark.parametrize("by", ["li", "li" + "-" * 190])
async def test_who_looks_when_and_under_which_request_is_burnt_in(borough: Borough, yard: Yard, by: str) -> None:
    case = await granted(borough)
    view = view_of(borough, case)
    view.by = by
    await view.newest()
    assert all(word in yard.orders[-1].text for word in (ASKER, "li", "yard", case.id, "Z"))


async def test_nodes_between_see_no_pixel(borough: Borough, yard: Yard) -> None:
    case = await granted(borough)
    borough.taps.clear()
    await view_of(borough, case).newest()
    passed = [body for node in ("qingdao", "shinan", "shibei") for body in borough.taps[node]]
    assert passed
    assert not any(PICTURE[offset : offset + 16] in body for body in passed for offset in (0, 200, len(PICTURE) - 40))


@pytest.mark.parametrize(
    ("filter_text", "why"),
    [
        ("", "no live view"), ("masked = true", "no live view"), ("event_id != 'x'", "no live view"), ("event_id != 'live'", "not shown"),
        ("event_id = 'live' and masked = false", "not shown"), ("event_id = 'live' and camera = 'gate'", "not shown"),
    ],
)  # fmt: skip
async def test_a_grant_that_does_not_speak_of_it_gives_no_live_view(borough: Borough, yard: Yard, filter_text: str, why: str) -> None:
    case = await granted(borough, filter=filter_text)
    with pytest.raises(RouteRefused, match=why):
        await view_of(borough, case).newest()
    assert not yard.noted
    assert not yard.orders


async def test_a_grant_for_one_camera_tells_nothing_of_the_others(borough: Borough, yard: Yard) -> None:
    case = await granted(borough)
    for camera in ("gate", "not-there"):
        with pytest.raises(RouteRefused, match="not shown: outside the filter"):
            await view_of(borough, case, camera=camera).newest()


async def test_a_revoked_grant_ends_the_view(borough: Borough, yard: Yard) -> None:
    case = await granted(borough)
    view = view_of(borough, case)
    await view.newest()
    await borough.desks[PROVIDER].say(case.id, "revoke", {"why": "misused"}, by="zhao")
    yard.time_us += 1
    with pytest.raises(RouteRefused, match="revoked"):
        await view.newest()
    assert yard.steps == [("begin", 0), ("end", 1)]
    assert "revoked" in str(yard.noted[-1]["why"])


async def test_a_lost_camera_is_a_word_and_no_end(borough: Borough, yard: Yard) -> None:
    case = await granted(borough)
    yard.state = "lost"
    view = view_of(borough, case)
    found = await view.newest()
    assert (found.missing, found.why) == ("lost", "")
    yard.state = "live"
    assert (await view.newest()).data


async def test_a_question_is_answered_once_and_only_to_its_asker(borough: Borough, yard: Yard) -> None:
    case = await granted(borough)
    question = Question(case_id=case.id, provider=PROVIDER, asker=ASKER, by="li", nonce=b"n" * 16, cursor=Cursor())
    asked = ViewQuestion(question=question, camera="yard", view="a" * 16, turn=1)
    make = partial(view_paper, asked, label=PICTURES.label)
    paper = make(borough.taking[ASKER].seal)
    await borough.routes[ASKER].ask(PROVIDER, VIEW, paper, timeout_s=30.0)
    with pytest.raises(RouteRefused, match="answered already"):
        await borough.routes["qingdao"].ask(PROVIDER, VIEW, paper, timeout_s=30.0)
    with pytest.raises(RouteRefused, match="signed by shinan"):
        await borough.routes["shinan"].ask(PROVIDER, VIEW, make(borough.taking["shinan"].seal), timeout_s=30.0)
    await yard.giving.stop()
    assert yard.noted[-1]["why"] == "node"
    later = view_paper(msgspec.structs.replace(asked, turn=9), borough.taking[ASKER].seal, label=PICTURES.label)
    with pytest.raises(RouteRefused, match="over"):
        await borough.routes[ASKER].ask(PROVIDER, VIEW, later, timeout_s=30.0)


async def test_no_more_bytes_leave_than_the_pace_gives(borough: Borough, yard: Yard) -> None:
    yard.anew(bytes_per_s=1)
    case = await granted(borough)
    view = view_of(borough, case)
    assert (await view.newest()).data
    yard.time_us += 1
    assert (await view.newest()).missing == "pace"
    assert len(yard.orders) == 1


async def test_a_view_that_nobody_asks_for_is_over(borough: Borough, yard: Yard) -> None:
    case, clock = await granted(borough), borough.giving[PROVIDER].clock
    await view_of(borough, case).newest()
    await yard.giving.sweep()
    assert yard.steps == [("begin", 0)]
    then = clock.now().plus(SILENT_S + 1)
    yard.giving.giving = replace_clock(yard.giving.giving, lambda: then)
    await yard.giving.sweep()
    assert (yard.noted[-1]["why"], yard.noted[-1]["seconds"]) == ("silent", 0)


def replace_clock(giving: Any, now: Any) -> Any:
    """The same giving by a clock that stands elsewhere."""

    class Later:
        wall_us = staticmethod(giving.clock.wall_us)

        def now(self) -> Any:
            return now()

    return replace(giving, clock=Later())


async def test_views_are_bounded(borough: Borough, yard: Yard) -> None:
    yard.giving.kind = replace(PICTURES, views_max=2)
    case = await granted(borough)
    await view_of(borough, case).newest()
    with pytest.raises(RouteRefused, match="views are open"):
        await view_of(borough, case, name="1" * 16).newest()


async def test_a_provider_of_a_former_program_is_named(borough: Borough, yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(borough.routes[PROVIDER].answering, VIEW)
    case = await granted(borough)
    with pytest.raises(ViewRefused, match=f"{PROVIDER} runs a program without live view"):
        await view_of(borough, case).newest()


async def test_the_newest_grant_that_gives_live_pictures_is_found(borough: Borough, yard: Yard) -> None:
    case = await granted(borough)
    await granted(borough, filter="masked = false", fields=("jpeg", "masked"))
    assert (await granted_view(borough.taking[ASKER], PICTURES, PROVIDER, "", camera="yard")).state == "granted"
    assert (await granted_view(borough.taking[ASKER], PICTURES, PROVIDER, case.id, camera="yard")).id == case.id
    with pytest.raises(ViewRefused, match=r"has granted no live view.*--of shinan .*camera = 'yard'"):
        await granted_view(borough.taking[ASKER], PICTURES, "shinan", "", camera="yard")
    with pytest.raises(ViewRefused, match="not to shinan"):
        await granted_view(borough.taking[ASKER], PICTURES, "shinan", case.id, camera="yard")
