"""A node's word on itself: what is wrong, how bad it is, and how far behind."""

from __future__ import annotations

import asyncio

import pytest

from node.links.handshake import Me
from node.status import LAG_WARN_S, Sources, StatusBoard
from node.texts import LANGUAGES, text
from node.tree.directory import DoorStatus, LinkStatus, decode_statuses, encode_statuses
from sync.model import Level
from tests.node.identity.family import StandingClock
from tests.node.shelf import NODE, Shelf
from tests.node.station import until


def board(shelf: Shelf, *, link: str = "up", lost: int = 0, policy: str = "abcd1234", troubles: tuple[str, ...] = ()) -> StatusBoard:
    sources = Sources(
        link=lambda: LinkStatus(link, 1),
        cameras=lambda: {"live": 1, "lost": lost},
        devices=lambda: 3,
        door=DoorStatus,
        policy=lambda: policy,
        troubles=lambda: list(troubles),
    )
    return StatusBoard(Me(NODE, 7, Level.STREET, "370202001", "0.1.0"), "", "district", shelf.journal, sources, StandingClock())


@pytest.mark.parametrize(
    ("facts", "state", "words"),
    [
        ({}, "OK", []),
        ({"link": "down"}, "WARN", ["no_uplink"]),
        ({"lost": 1, "policy": ""}, "WARN", ["policy_missing", "camera_lost"]),
        ({"troubles": ("door_refusing",)}, "FAIL", ["door_refusing"]),
    ],
)
def test_the_state_follows_from_what_is_wrong(shelf: Shelf, facts: dict[str, object], state: str, words: list[str]) -> None:
    status = board(shelf, **facts).status()  # type: ignore[arg-type]
    assert (status.state, status.words) == (state, words)


def test_every_word_has_a_text(shelf: Shelf) -> None:
    status = board(shelf, link="down", lost=1, policy="", troubles=("door_refusing",)).status()
    assert all(text(f"state.{word}", language) for word in [*status.words, "backlog"] for language in LANGUAGES)


def test_records_are_counted_and_an_old_backlog_is_a_warning(shelf: Shelf) -> None:
    shelf.add("air-quality", [{}, {}])
    made = board(shelf)
    made._backlogs = made._read_backlogs()
    status = made.status()
    assert (status.records, status.queues["bulk"].records) == ({"air-quality": 2}, 2)
    assert status.lag_s > LAG_WARN_S
    assert "backlog" in status.words


async def test_the_figures_are_read_off_the_loop(shelf: Shelf) -> None:
    shelf.add("air-quality", [{}])
    made = board(shelf)
    fresh = asyncio.create_task(made.keep_fresh())
    await until(lambda: bool(made._backlogs))
    fresh.cancel()
    assert made.status().queues["bulk"].batches == 1


def test_a_peer_reads_the_status_as_it_was_made(shelf: Shelf) -> None:
    status = board(shelf).status()
    assert decode_statuses(encode_statuses([status])) == [status]
