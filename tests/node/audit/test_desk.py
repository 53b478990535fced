"""What others enter is durable before they act; what cannot be entered must not be done; what is old goes behind a signed checkpoint."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.api import Api
from node.audit.admitting import AdmissionWatch
from node.audit.desk import AuditDesk
from node.audit.entry import BLOT, wanted
from node.audit.errors import AuditRefused
from node.audit.operator import VERBS, noted
from node.audit.reading import Wish, page
from node.audit.retention import FORGET_AT_ONCE_MIN, Checkpoint, CheckpointSeal, age_us
from node.audit.walk import Fault
from node.audit.words import AuditKind
from node.clock import SystemClock
from node.engine.commits import Commits
from node.errors import NodeError
from node.identity.admissions import Admission, Stage
from node.store.journal import SqliteJournal
from node.store.keeping import KeptTime
from sync.model import JournalError, Level, Territory
from tests.contracts.batches import NODE
from tests.node.audit.logs import BEGAN_US, Tick, by_hand, forge_from, opened, walked

DAY_US = 86_400_000_000
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


class Turning:
    """What a runtime offers beside its turns: its one commit thread."""

    def __init__(self) -> None:
        self.commits = Commits(SystemClock())

    async def beside_commits(self, work: Callable[[], Any]) -> Any:
        """As Runtime.beside_commits."""
        return await self.commits.run(work)


@asynccontextmanager
async def desk(path: Path, clock: Tick) -> AsyncIterator[AuditDesk]:
    journal = opened(path, clock)

    class Wall:
        def wall_us(self) -> int:
            return clock.now_us

    turning = Turning()
    made = AuditDesk(NODE, journal, turning, Wall(), CheckpointSeal(NODE, lambda: KEY))  # type: ignore[arg-type]
    made.attend()
    try:
        yield made
    finally:
        await made.stop()
        turning.commits.shutdown()
        journal.close()


def shown(journal: SqliteJournal, *kinds: str) -> list[dict[str, object]]:
    """Entries of these kinds, newest first."""
    found = journal.look("test", lambda connection: page(connection, Wish(kinds)))
    return list(found["entries"])


def test_entries_that_are_wanted_at_once_share_a_transaction_and_are_durable_when_noted(tmp_path: Path) -> None:
    async def life() -> None:
        async with desk(tmp_path / "journal.db", Tick()) as log:
            numbers = await asyncio.gather(*(log.note(AuditKind.QUERY, f"q-{index}", by="wang", detail={}) for index in range(20)))
            assert sorted(numbers) == list(range(2, 22))
            assert walked(tmp_path / "journal.db").last == 21
            number = await asyncio.to_thread(log.note_blocking, AuditKind.PAGE, "qingdao", by="li", detail={"rows": 3})
            assert number == 22

    asyncio.run(life())


def test_who_cannot_be_entered_does_not_act(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def life() -> None:
        async with desk(tmp_path / "journal.db", Tick()) as log:
            done: list[object] = []

            async def act(arguments: object) -> dict[str, object]:
                done.append(arguments)
                return {}

            def refuse(**_: object) -> None:
                raise JournalError("no space is left")

            with monkeypatch.context() as full:
                full.setattr(log.journal, "write_audit", refuse)
                with pytest.raises(AuditRefused, match=r"operator of 'catalogue_issue' not done.*no space"):
                    await noted(log, "catalogue_issue", act, object())
            assert done == []
            await noted(log, "catalogue_issue", act, object())
            await noted(log, "status", act, object())
            assert len(done) == 2
            assert [entry["subject"] for entry in shown(log.journal, "operator")] == ["catalogue_issue"]

    asyncio.run(life())


def test_a_verb_that_is_refused_after_its_entry_gets_another_that_says_so(tmp_path: Path) -> None:
    async def life() -> None:
        async with desk(tmp_path / "journal.db", Tick()) as log:

            async def act(_: object) -> dict[str, object]:
                raise NodeError("no such draft")

            with pytest.raises(NodeError, match="no such draft"):
                await noted(log, "catalogue_issue", act, object())
            await log.flush()
            newest, first = shown(log.journal, "operator")
            assert newest["detail"] == {"verb": "catalogue_issue", "refused": first["seq"]}

    asyncio.run(life())


def test_every_verb_of_the_table_is_one_of_the_api_with_these_arguments() -> None:
    known = Api(None).verbs  # type: ignore[arg-type]
    wrong = {
        verb: field
        for verb, noted_verb in VERBS.items()
        for field in (*filter(None, [noted_verb.subject]), *noted_verb.detail)
        if field not in known[verb].arguments.__struct_fields__
    }
    assert wrong == {}


@pytest.mark.parametrize("text", ["110101199003071234", "11010119900307123X", "call 13812345678 now"])
def test_numbers_of_persons_are_blotted_out_wherever_they_stand(text: str) -> None:
    entry = wanted(AuditKind.QUERY, text, text, {"why": text, "list": [text]})
    assert all(BLOT in str(value) for value in (entry.subject, entry.by, entry.detail["why"], entry.detail["list"]))


def test_hashes_ids_and_territories_keep_their_digits() -> None:
    for text in ("1381234567800000", "370202001001001", "a13812345678", "f" * 64, "0123456789abcdef"):
        assert wanted(AuditKind.QUERY, text, "", {}).subject == text


@pytest.mark.parametrize("detail", [{"x": 1.5}, {"x": {"y": 1}}, {"x": None}, {"x": "y" * 201}, {"x": list(range(65))},
                                    {f"k{index}": "v" * 200 for index in range(31)}, {f"k{index}": 1 for index in range(33)}])  # fmt: skip
def test_a_detail_that_is_no_plain_value_or_too_long_is_refused(detail: dict[str, object]) -> None:
    with pytest.raises(AuditRefused):
        wanted(AuditKind.QUERY, "x", "", detail)  # type: ignore[arg-type]


# ---- time


def fill(journal: SqliteJournal, clock: Tick, count: int) -> None:
    """So many entries, a day apart."""
    for index in range(count):
        clock.now_us += DAY_US
        journal.audit.add(wanted(AuditKind.OPERATOR, f"act-{index}", "", {}))
        journal.write_audit()


def test_entries_past_their_time_go_behind_a_signed_checkpoint_and_the_rest_holds(tmp_path: Path) -> None:
    path, clock = tmp_path / "journal.db", Tick()

    async def life() -> None:
        async with desk(path, clock) as log:
            fill(log.journal, clock, FORGET_AT_ONCE_MIN + 179)
            gone_us, now_us = BEGAN_US + FORGET_AT_ONCE_MIN * DAY_US, clock.now_us + 3 * DAY_US
            ages = ((1, gone_us, 0), (2, now_us, now_us - gone_us))
            await log.forget()
            assert walked(path).first == 1  # nobody noted how long the journal has kept anything
            for lsn, wall_us, kept_us in ages:
                log.journal.note_time(KeptTime(lsn, wall_us, kept_us))
            clock.now_us += 3 * DAY_US
            await log.forget()

    asyncio.run(life())
    found = walked(path)
    assert (found.findings, found.first) == ([], FORGET_AT_ONCE_MIN + 1)
    with by_hand(path) as connection:
        connection.execute("DELETE FROM audit_entry WHERE seq = ?", (FORGET_AT_ONCE_MIN + 1,))
    assert walked(path).findings[0].fault is Fault.CHECKPOINT


def test_a_checkpoint_that_nobody_signed_covers_nothing(tmp_path: Path) -> None:
    path, clock = tmp_path / "journal.db", Tick()

    async def life() -> None:
        async with desk(path, clock) as log:
            fill(log.journal, clock, 3)
            signed = log.seal.signed(checkpoint(log, 2))
            log.add(AuditKind.CHECKPOINT, NODE, by="", detail=signed)
            log.journal.forget_audit(2)

    asyncio.run(life())
    assert walked(path).findings == []
    with by_hand(path) as connection:
        forge_from(connection, walked(path).last, upto=1)
    assert {finding.fault for finding in walked(path).findings} == {Fault.CHECKPOINT}


def checkpoint(log: AuditDesk, upto: int) -> Checkpoint:
    """The checkpoint that lets entries up to `upto` go."""

    def hash_of(connection: sqlite3.Connection) -> bytes:
        return bytes(connection.execute("SELECT hash FROM audit_entry WHERE seq = ?", (upto,)).fetchone()[0])

    return Checkpoint(NODE, upto, log.journal.look("test", hash_of))


def test_an_age_is_the_lesser_of_wall_clock_and_the_journals_own() -> None:
    times = [KeptTime(1, BEGAN_US, 5), KeptTime(9, BEGAN_US + DAY_US, 105)]
    assert age_us(BEGAN_US, BEGAN_US + 400 * DAY_US, times) == 100
    assert age_us(BEGAN_US, BEGAN_US + 60, times) == 60
    assert age_us(BEGAN_US, BEGAN_US + 400 * DAY_US, []) == 0


def test_admissions_are_entered_once_whoever_decided_them(tmp_path: Path) -> None:
    pending = Admission("grid-1", Level.GRID, Territory("370202001001"), "ab" * 32, Stage.PENDING, 0)
    listed = [pending]

    async def life() -> None:
        async with desk(tmp_path / "journal.db", Tick()) as log:
            watch = AdmissionWatch(log, lambda: listed)
            for _ in range(2):
                watch.look()
            listed[:] = [replace(pending, stage=Stage.ACCEPTED)]
            watch.look()
            await log.flush()
            told = [(entry["subject"], entry["detail"]["stage"]) for entry in shown(log.journal, "operator")]  # type: ignore[index]
            assert told == [("grid-1", Stage.ACCEPTED.value), ("grid-1", Stage.PENDING.value)]
            again = AdmissionWatch(log, lambda: listed)
            running = asyncio.create_task(again.run())
            await asyncio.sleep(0)
            while not again._known:  # noqa: ASYNC110 - the thread that reads tells nobody
                await asyncio.sleep(0)
            running.cancel()
            await log.flush()
            assert len(shown(log.journal, "operator")) == 2

    asyncio.run(life())
