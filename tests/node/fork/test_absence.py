"""Who was away for longer than tombstones last: nothing of others is read, it is let go before any link, and two clocks must agree."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_asyncio

from node.fork.absence import AWAY, AWAY_US_MAX, Absence, heard_at
from node.fork.errors import AwayTooLong
from node.recall.desk import RecallDesk
from node.verbs.restore import BackupTooOld, refuse_too_old
from sync.model import Direction, Lane, Level, State
from sync.model.writes import OutMark, SetOutMark
from tests.node.identity.family import NOW_US, StandingClock
from tests.node.recall.holder import RESOURCE, Holder, Issuing, air, new_seal

PARENT = "shandong"
LATER_US = NOW_US + AWAY_US_MAX + 1
CANARY = "kzq7-canary-w0v3n-20x"


@dataclass
class City:
    """A city that holds five of a street's readings, four of which its parent has, and one of its own."""

    holder: Holder
    desk: RecallDesk
    ended: list[AwayTooLong] = field(default_factory=list)
    is_wanted: bool = False

    def absence(self) -> Absence:
        """As a node that starts now has it."""
        return Absence(
            "qingdao", self.holder.shelf.journal, self.holder.clock, is_wanted=lambda: self.is_wanted, on_away=self.ended.append
        )  # fmt: skip

    async def settle(self) -> int:
        return await self.absence().settle(self.holder.runtime, PARENT, leave_no_trace=self.desk.eraser.leave_no_trace)

    @property
    def heard_us(self) -> int | None:
        return self.holder.shelf.journal.look("test", heard_at)


@pytest_asyncio.fixture
async def city(tmp_path: Path) -> AsyncIterator[City]:
    holder = Holder(tmp_path, "qingdao", Level.MUNICIPAL, Issuing(new_seal(tmp_path / "keys")), cast(Any, None), clock=StandingClock())
    sent = [holder.hold(air(1.0, 2.0, text=CANARY), origin="badaguan", distance=2), holder.hold(air(3.0), origin="qingdao", distance=0)]
    sent.append(holder.hold(air(4.0, 5.0), origin="badaguan", distance=2))
    holder.shelf.journal.commit([SetOutMark(PARENT, Direction.UP, Lane.BULK, OutMark(sent[-1].lsn, sent[-1].lsn, sent[-1].lsn))])
    holder.hold(air(6.0), origin="badaguan", distance=2)
    async with holder.running() as desk:
        yield City(holder, desk)
    holder.shelf.journal.close()


async def test_a_node_that_is_here_notes_it_and_reads_everything(city: City) -> None:
    assert await city.settle() == 0
    assert city.heard_us == NOW_US
    assert (city.absence().refusal(RESOURCE), city.absence().troubles()) == ("", [])


async def test_nothing_of_others_is_read_after_too_long_and_what_is_the_nodes_own_still_is(city: City) -> None:
    await city.settle()
    city.holder.clock.us = LATER_US
    assert "nothing was heard from above for more than 90 days" in city.absence().refusal(RESOURCE)
    assert city.absence().refusal("residents") == ""
    assert city.absence().troubles() == [AWAY]


@pytest.mark.parametrize(("own_us", "parent_us"), [(LATER_US, NOW_US), (NOW_US, LATER_US), (NOW_US, NOW_US)])
async def test_one_clock_alone_ends_no_life(city: City, own_us: int, parent_us: int) -> None:
    await city.settle()
    city.holder.clock.us = own_us
    assert (city.absence().check(parent_us), city.ended) == ("", [])


async def test_a_link_after_too_long_ends_this_life_so_that_the_next_one_asks_for_a_reseed(city: City) -> None:
    await city.settle()
    city.holder.clock.us = LATER_US
    assert "seeded anew" in city.absence().check(LATER_US)
    assert len(city.ended) == 1
    assert city.heard_us == NOW_US


async def test_what_the_parent_has_too_is_let_go_and_the_own_and_the_unsent_stay(city: City) -> None:
    await city.settle()
    city.holder.clock.us, city.is_wanted = LATER_US, True
    assert await city.settle() == 2
    assert city.holder.values() == [3.0, 6.0]
    streams = city.holder.shelf.journal.recover().streams
    states = [(part.first, part.last, part.state) for stream, parts in streams.items() if stream.origin == "badaguan" for part in parts]
    assert states == [(1, 4, State.LOST), (5, 5, State.PRESENT)]
    assert city.holder.traces(CANARY.encode()) == []
    assert (city.absence().refusal(RESOURCE), city.heard_us) == ("", LATER_US)
    assert city.holder.shelf.journal.verify() == []


async def test_nothing_is_let_go_before_a_parent_was_met(city: City) -> None:
    await city.settle()
    city.holder.clock.us = LATER_US
    assert await city.settle() == 0
    assert city.holder.values() == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    assert city.absence().refusal(RESOURCE)


async def test_a_backup_that_is_too_old_is_not_restored(city: City) -> None:
    await city.settle()
    path = city.holder.shelf.journal.path
    refuse_too_old(path, now_us=LATER_US - 1)
    with pytest.raises(BackupTooOld, match="yunnao reseed"):
        refuse_too_old(path, now_us=LATER_US)
    refuse_too_old(path.with_name("none.db"), now_us=LATER_US)


DAY_US = 86_400_000_000


async def heard(city: City) -> Absence:
    """As a node has it that began, and has met its parent today."""
    await city.settle()
    absence = city.absence()
    assert absence.hear(NOW_US, 0) == ""
    return absence


@pytest.mark.parametrize(("age_us", "upto_us"), [(None, NOW_US + DAY_US), (0, NOW_US + DAY_US), (DAY_US // 2, NOW_US + DAY_US // 2)])
async def test_what_counts_is_how_old_the_parents_own_word_is(city: City, age_us: int | None, upto_us: int) -> None:
    absence = await heard(city)
    city.holder.clock.us += DAY_US
    assert absence.hear(city.holder.clock.us, age_us) == ""
    assert (absence.heard_us, absence.age_us) == (upto_us, city.holder.clock.us - upto_us)
    absence.write_down()
    assert city.heard_us == upto_us


async def test_an_older_word_takes_nothing_back_and_a_note_from_the_future_is_put_right(city: City) -> None:
    absence = await heard(city)
    absence.hear(NOW_US, 40 * DAY_US)
    assert absence.heard_us == NOW_US
    city.holder.clock.us -= 30 * DAY_US
    absence.hear(NOW_US - 30 * DAY_US, 2 * DAY_US)
    assert absence.heard_us == NOW_US - 32 * DAY_US


async def test_a_child_that_is_linked_to_a_parent_that_is_cut_off_is_away_with_it(city: City) -> None:
    absence = await heard(city)
    for days in range(10, 100, 10):
        city.holder.clock.us = NOW_US + days * DAY_US
        assert absence.hear(city.holder.clock.us, days * DAY_US) == ""
    city.holder.clock.us += DAY_US
    assert absence.hear(city.holder.clock.us, AWAY_US_MAX + DAY_US) == ""
    assert (absence.heard_us, absence.troubles(), city.ended) == (NOW_US, [AWAY], [])
    assert absence.refusal(RESOURCE)
    assert "seeded anew" in absence.hear(city.holder.clock.us, 0)
    assert len(city.ended) == 1


async def test_who_was_let_go_of_knows_what_the_parent_knows_and_not_more(city: City) -> None:
    await city.settle()
    city.holder.clock.us, city.is_wanted = LATER_US, True
    absence = city.absence()
    await absence.settle(city.holder.runtime, PARENT, leave_no_trace=city.desk.eraser.leave_no_trace)
    assert absence.heard_us == LATER_US
    absence.hear(LATER_US, 50 * DAY_US)
    assert absence.heard_us == LATER_US - 50 * DAY_US
    absence.hear(LATER_US, 60 * DAY_US)
    assert absence.heard_us == LATER_US - 50 * DAY_US


async def test_a_carried_file_is_word_from_above_as_old_as_it_is_and_ends_no_absence_that_was_too_long(city: City) -> None:
    absence = await heard(city)
    city.holder.clock.us = NOW_US + 60 * DAY_US
    absence.hear_by_file(NOW_US + 50 * DAY_US, 10 * DAY_US)
    assert absence.heard_us == NOW_US + 40 * DAY_US
    absence.hear_by_file(NOW_US + 500 * DAY_US, None)
    assert absence.heard_us == city.holder.clock.us
    city.holder.clock.us += AWAY_US_MAX + DAY_US
    absence.hear_by_file(city.holder.clock.us, 0)
    assert absence.troubles() == [AWAY]
