"""Refused frames go again once the policy of the peer that refused them has moved, and no oftener."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from node.store.journal import open_journal
from sync.core.bearers import NO_ORDER, Standing
from sync.core.messages import InForce, Message, Refused
from sync.core.reprieves import OVER_MAX, ROUND_PAUSE_S, Reprieves
from sync.model import Direction, Instant, Lane, Level, PolicyVersion, Span
from sync.model.writes import AppendRefusal
from tests.sync.core.rig import VERSION, Rig, Station, newer

LINGER = 3.0
"""Longer than any lane waits for more."""
OTHER = PolicyVersion.of({"province": 1, "street": 1})
"""What a neighbour may stand under for ever, because it holds a bundle that does not concern this node."""


def refusing(rig: Rig, *, version: PolicyVersion = OTHER) -> Rig:
    """A grid whose street refuses what the grid lets go, each under a version of its own."""
    stand(rig, version)
    rig.stations["street"].gate.refused = frozenset({2.0})
    rig.connect("grid", "street")
    rig.offer("grid", [1.0, 2.0])
    rig.settle(seconds=LINGER)
    assert rig.values("street") == []
    return rig


def pair(**facts: object) -> Rig:
    return Rig(Station("grid", Level.GRID, "street"), Station("street", Level.STREET, **facts))  # type: ignore[arg-type]


def stand(rig: Rig, version: PolicyVersion) -> None:
    """The street's policy moves, and nobody else's."""
    street = rig.stations["street"]
    street.gate.version = version
    street.engine.policy_changed(version, rig.now)


def allow(rig: Rig) -> None:
    rig.stations["street"].gate.refused = frozenset()


def sent(rig: Rig) -> int:
    """Batches that the grid has in its journal: what it made, and what it put back."""
    return len(rig.batches("grid"))


def test_a_refused_frame_goes_again_once_the_peers_policy_moved() -> None:
    rig = refusing(pair())
    allow(rig)
    stand(rig, newer(OTHER))
    rig.settle(seconds=ROUND_PAUSE_S)
    assert rig.values("street") == [1.0, 2.0]


def test_versions_that_differ_for_ever_send_nothing_again() -> None:
    rig = refusing(pair())
    for _ in range(5):
        rig.settle(seconds=ROUND_PAUSE_S)
        rig.disconnect("grid", "street")
        rig.connect("grid", "street")
    rig.settle(seconds=ROUND_PAUSE_S)
    assert sent(rig) == 1


def test_each_move_of_the_peers_policy_is_one_try() -> None:
    rig = refusing(pair())
    for tries in (2, 3):
        stand(rig, newer(rig.stations["street"].gate.version))
        rig.settle(seconds=ROUND_PAUSE_S)
        rig.settle(seconds=ROUND_PAUSE_S)
        assert sent(rig) == tries


@pytest.mark.parametrize("crashes", [True, False], ids=["crash", "link down"])
def test_a_move_while_there_is_no_link_counts_at_the_next_one(tmp_path: Path, *, crashes: bool) -> None:
    rig = Rig(
        Station("grid", Level.GRID, "street", incarnation=1, journal=open_journal(tmp_path / "journal.db", node="grid", incarnation=1)),
        Station("street", Level.STREET),
    )
    refusing(rig)
    rig.disconnect("grid", "street")
    if crashes:
        rig.crash("grid")
        rig.crash("street")
    allow(rig)
    stand(rig, newer(OTHER))
    rig.connect("grid", "street")
    rig.settle(seconds=ROUND_PAUSE_S)
    assert (rig.values("street"), sent(rig)) == ([1.0, 2.0], 2)
    rig.crash("grid")
    rig.connect("grid", "street")
    rig.settle(seconds=ROUND_PAUSE_S)
    assert sent(rig) == 2
    rig.stations["grid"].journal.close()


def test_a_refusal_told_late_is_of_the_version_it_was_made_under() -> None:
    rig = pair()
    rig.drop = lambda source, target, message: isinstance(message, Refused)
    refusing(rig)
    rig.disconnect("grid", "street")
    rig.drop = lambda source, target, message: False
    allow(rig)
    stand(rig, newer(OTHER))
    rig.connect("grid", "street")
    rig.settle(seconds=ROUND_PAUSE_S)
    assert rig.values("street") == [1.0, 2.0]


def test_what_a_peer_refuses_under_every_version_it_names_goes_once_a_pause() -> None:
    rig = refusing(pair())
    for epoch in range(2, 12):
        stand(rig, PolicyVersion.of({"province": epoch, "street": 1}))
        rig.settle()
    assert sent(rig) == 1
    rig.settle(seconds=ROUND_PAUSE_S)
    assert sent(rig) == 2


def test_a_refusal_of_a_version_that_the_peer_never_named_is_tried_in_one_round_at_most() -> None:
    rig = refusing(pair())
    before = sent(rig)
    grid = rig.stations["grid"].engine
    grid.receive("street", InForce(newer(OTHER)), rig.now)

    def strange(source: str, target: str, message: Message) -> bool:
        if isinstance(message, Refused) and source == "street":
            grid.receive("street", replace(message, policy=VERSION, under=VERSION.digest), rig.now)
            return True
        return False

    rig.drop = strange
    for _ in range(4):
        rig.settle(seconds=ROUND_PAUSE_S)
    assert sent(rig) == before + 1


def test_a_date_that_passed_at_the_peer_lets_go_what_it_refused_for_it() -> None:
    rig = refusing(pair())
    rig.stations["street"].engine.dates_moved(frozenset({"unclassified"}), rig.now)
    rig.settle(seconds=ROUND_PAUSE_S)
    assert sent(rig) == 1
    allow(rig)
    rig.stations["street"].engine.dates_moved(frozenset({"looser"}), rig.now)
    rig.settle(seconds=ROUND_PAUSE_S)
    assert rig.values("street") == [1.0, 2.0]


def test_a_peer_whose_frames_were_taken_is_told_nothing() -> None:
    rig = pair()
    told: list[Message] = []

    def overhear(source: str, target: str, message: Message) -> bool:
        if isinstance(message, InForce):
            told.append(message)
        return False

    rig.drop = overhear
    rig.connect("grid", "street")
    rig.offer("grid", [1.0])
    rig.settle(seconds=LINGER)
    stand(rig, newer(VERSION))
    rig.settle(seconds=LINGER)
    assert told == []


def test_what_was_said_first_and_arrives_last_does_not_count() -> None:
    known = Reprieves()
    known.linked("street", VERSION, "")
    assert known.begin("street", 10, Instant(0))
    known.heard("street", newer(newer(VERSION)))
    known.heard("street", newer(VERSION))
    due = known.due_at("street")
    assert due is not None
    assert known.begin("street", 12, due)
    current = known.round("street")
    assert current is not None
    assert (current.version, current.upto) == (newer(newer(VERSION)), 12)
    assert known.due_at("street") is None


def test_reasons_that_are_over_are_bounded() -> None:
    known = Reprieves()
    known.linked("street", VERSION, "")
    for number in range(3 * OVER_MAX):
        known.heard("street", VERSION, frozenset({f"reason-{number}"}))
    known.begin("street", 1, Instant(0))
    current = known.round("street")
    assert current is not None
    assert 1 <= len(current.over) <= OVER_MAX


def test_what_a_peer_refused_is_decided_again_when_the_senders_own_dates_move() -> None:
    rig = refusing(pair())
    grid = rig.stations["grid"]
    grid.gate.forbidden = frozenset({2.0})
    grid.engine.dates_moved(frozenset({"stale-policy"}), rig.now)
    rig.settle(seconds=LINGER)
    assert (rig.values("street"), sent(rig)) == ([1.0], 2)
    rig.settle(seconds=ROUND_PAUSE_S)
    assert sent(rig) == 2


def test_word_of_where_nodes_stand_ends_refusals_for_want_of_an_order() -> None:
    rig = pair()
    rig.connect("grid", "street")
    rig.settle(seconds=LINGER)
    street, life = rig.stations["street"].engine, rig.stations["grid"].incarnation
    why = f"air-quality refused: a row of territory 370203 from grid: {NO_ORDER}"
    made = AppendRefusal(
        "grid", Direction.UP, Lane.EVENT, Span(0, 1), 0, "air-quality", (), b"", why, VERSION.digest, by_peer=False, incarnation=life
    )
    street._desk.refusals.enter(made)
    street.stands(Standing({"grid": frozenset({"grid"})}))
    sends = street.ready(rig.now).sends
    assert [send.message for send in sends if isinstance(send.message, InForce)] == [InForce(VERSION, (NO_ORDER,))]


def update(rig: Rig, software: str) -> None:
    """The street's program is replaced: it ends, and begins with the same policy."""
    rig.stations["street"].software = software
    rig.crash("street")
    rig.connect("grid", "street")
    rig.settle(seconds=ROUND_PAUSE_S)


@pytest.mark.parametrize("is_told_late", [False, True], ids=["told at once", "told by the newer program"])
def test_what_another_program_refused_goes_again_to_the_newer_one_and_no_oftener(*, is_told_late: bool) -> None:
    rig = pair(software="yunnao 1")
    rig.drop = lambda source, target, message: is_told_late and isinstance(message, Refused)
    refusing(rig)
    rig.drop = lambda source, target, message: False
    update(rig, "yunnao 1")
    assert (rig.values("street"), sent(rig)) == ([], 1)
    update(rig, "yunnao 2")
    assert (rig.values("street"), sent(rig)) == ([], 2)  # it refuses too
    rig.settle(seconds=ROUND_PAUSE_S)
    assert sent(rig) == 2
    allow(rig)
    update(rig, "yunnao 3")
    assert (rig.values("street"), sent(rig)) == ([1.0, 2.0], 3)


def test_a_refusal_from_before_programs_were_named_waits_for_the_policy() -> None:
    rig = refusing(pair())
    allow(rig)
    update(rig, "yunnao 2")
    assert sent(rig) == 1
    stand(rig, newer(OTHER))
    rig.settle(seconds=ROUND_PAUSE_S)
    assert rig.values("street") == [1.0, 2.0]


def test_an_update_of_the_peer_counts_after_a_crash_of_the_sender_too(tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "journal.db", node="grid", incarnation=1)
    rig = Rig(Station("grid", Level.GRID, "street", incarnation=1, journal=journal), Station("street", Level.STREET, software="yunnao 1"))
    refusing(rig)
    allow(rig)
    rig.crash("grid")
    update(rig, "yunnao 2")
    assert rig.values("street") == [1.0, 2.0]
    journal.close()
