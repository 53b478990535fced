"""A node tells its parent the end of its log; what is cut off or written anew is found with what the parent has entered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.assembly import Parts
from node.audit.api import Audit
from node.audit.book import Head
from node.audit.reading import Wish
from node.audit.walk import Fault, Walked
from node.audit.weighing import weigh
from node.audit.wiring import audit_of
from node.audit.witness import WITNESS, Told, Witnessed, contradiction, told
from node.audit.words import AuditKind
from node.tree.queries import QueryError
from tests.node.audit.logs import by_hand, forge_from
from tests.node.station import until
from tests.node.two_nodes import Pair, two_nodes

NODE, PEER = "qingdao", "shandong"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEYS = frozenset({KEY.public_key().public_bytes_raw().hex()})
LIFE, OTHER_LIFE = 5, 9


@asynccontextmanager
async def linked(folder: Path) -> AsyncIterator[tuple[Pair, Audit, Audit]]:
    """Both nodes with their logs, linked: the pair, the parent's log, the child's."""
    async with two_nodes(folder) as pair:
        logs = audit_of(pair.parent), audit_of(pair.child)
        pair.connect()
        await until(lambda: pair.child.links.is_linked(pair.parent.me.node) and pair.parent.links.is_linked(pair.child.me.node))
        yield pair, *logs


async def page_of(log: Audit) -> list[dict[str, Any]]:
    """The entries about witnessed logs, newest first."""
    found = await log.page(Wish(("witness",)))
    return list(found["entries"])


def journal(parts: Parts) -> Path:
    return parts.config.data_dir / "journal.db"


@pytest.mark.slow
def test_the_parent_enters_the_end_and_confirms_it(tmp_path: Path) -> None:
    async def life() -> None:
        async with linked(tmp_path) as (pair, above, below):
            await below.desk.note(AuditKind.OPERATOR, "camera-7", by="wang", detail={"verb": "admit"})
            found = await below.verify()
            assert (found["verdict"], found["witnessed"], found["findings"]) == ("holds", found["last"], [])
            page = await page_of(above)
            assert [(entry["subject"], entry["detail"]["seq"]) for entry in page] == [(pair.child.me.node, found["last"])]
            assert (await above.verify())["verdict"] == "holds"  # the top is witnessed by its children
            assert below.facts()["witnessed"][0]["seq"] == found["last"]

    asyncio.run(life())


@pytest.mark.slow
def test_a_log_cut_off_with_its_head_is_found_by_what_the_parent_was_told(tmp_path: Path) -> None:
    async def life() -> None:
        async with linked(tmp_path) as (pair, _, below):
            for index in range(3):
                await below.desk.note(AuditKind.OPERATOR, f"act-{index}", by="wang", detail={})
            was = (await below.verify())["last"]
            with by_hand(journal(pair.child)) as connection:
                connection.execute("DELETE FROM audit_entry WHERE seq > 2")
                connection.execute("UPDATE audit_head SET seq = 2, hash = (SELECT hash FROM audit_entry WHERE seq = 2)")
            found = await below.verify()
            assert found["verdict"] == "touched"
            assert [(one["fault"], one["entry"]) for one in found["findings"]] == [("truncated", 3)]
            assert f"entries 3 to {was} are gone" in found["findings"][0]["text"]

    asyncio.run(life())


@pytest.mark.slow
def test_a_log_written_anew_with_all_its_hashes_is_found_and_the_parent_notices_the_contradiction(tmp_path: Path) -> None:
    async def life() -> None:
        async with linked(tmp_path) as (pair, above, below):
            await below.desk.note(AuditKind.OPERATOR, "act", by="wang", detail={"n": 1})
            await below.verify()
            with by_hand(journal(pair.child)) as connection:
                forge_from(connection, 2, n=2)
                digest = connection.execute("SELECT hash FROM audit_head").fetchone()[0]
            found = await below.verify()
            assert found["verdict"] == "touched"
            assert found["findings"][0]["fault"] == "witness"
            pair.child.journal.audit.head = Head(2, digest, 0)  # as the next start reads it
            above.witnesses._noted_us.clear()
            await below.witnesses.ask(pair.parent.me.node)
            assert above.witnesses.troubles() == ["audit_contradicted"]
            assert (await page_of(above))[0]["detail"]["contradicts"] == 2

    asyncio.run(life())


@pytest.mark.slow
def test_a_parent_that_knows_no_witnesses_leaves_the_end_unconfirmed(tmp_path: Path) -> None:
    async def life() -> None:
        async with linked(tmp_path) as (pair, _, below):
            del pair.parent.queries.neighbours[WITNESS]
            await below.desk.note(AuditKind.OPERATOR, "act", by="wang", detail={})
            found = await below.verify()
            assert (found["verdict"], found["findings"]) == ("cannot-tell", [])
            assert "not known to this version" in found["open"][0]

    asyncio.run(life())


@pytest.mark.slow
def test_the_parent_refuses_ends_that_are_not_of_who_tells_them_and_enters_one_a_minute(tmp_path: Path) -> None:
    async def life() -> None:
        async with linked(tmp_path) as (pair, above, below):
            child, heard = pair.child.me.node, above.witnesses.heard
            end = told(child, pair.child.me.incarnation, Head(3, bytes(32)), pair.child.files.manifest_key())
            bad = (b"", b"{}", b"\xff", b"[" * 5_000)
            for body in (*bad, *map(msgspec.json.encode, (
                msgspec.structs.replace(end, seq=4),
                told(child, pair.child.me.incarnation, Head(3, bytes(32)), KEY),
                told(child, 1, Head(3, bytes(32)), pair.child.files.manifest_key()),
            ))):  # fmt: skip
                with pytest.raises(QueryError):
                    await heard(child, body)
            for seq in range(3, 6):
                again = told(child, pair.child.me.incarnation, Head(seq, bytes(32)), pair.child.files.manifest_key())
                await heard(child, msgspec.json.encode(again))
            assert len(await page_of(above)) == 1
            assert below.desk is pair.child.audit

    asyncio.run(life())


# ---- weighing, without nodes


def log(*starts: tuple[int, int], last: int = 8) -> Walked:
    """A log as walked: entries 1 to `last`, entry n with hash n."""
    walked = Walked(NODE, starts[-1][1], entries=last, first=1, last=last, starts=list(starts))
    walked.hashes = {seq: bytes((seq,)) * 32 for seq in range(1, last + 1)}
    return walked


def said(seq: int, *, life: int = LIFE, byte: int | None = None, key: Ed25519PrivateKey = KEY) -> Told:
    """What a witness was told of an entry."""
    return told(NODE, life, Head(seq, bytes((seq if byte is None else byte,)) * 32), key)


def test_a_witness_that_is_behind_confirms_as_far_as_it_knows() -> None:
    walked = log((1, LIFE))
    assert weigh(walked, PEER, [said(3), said(5)], keys=KEYS).upto == 5
    assert walked.findings == []


def test_a_witness_that_lies_is_not_believed_without_the_nodes_signature() -> None:
    walked = log((1, LIFE))
    lie = msgspec.structs.replace(said(5), hash="00" * 32)
    other = said(9, key=Ed25519PrivateKey.from_private_bytes(bytes(32)))
    weighed = weigh(walked, PEER, [lie, other], keys=KEYS)
    assert (walked.findings, len(weighed.unproven)) == ([], 2)


def test_what_a_witness_knows_of_a_former_life_is_said_where_the_copies_parted_and_found_before() -> None:
    walked = log((1, LIFE), (5, OTHER_LIFE))
    weighed = weigh(walked, PEER, [said(6, byte=77), said(12), said(3)], keys=KEYS)
    assert (walked.findings, weighed.upto) == ([], 3)
    assert all("another copy" in sentence for sentence in weighed.unproven)
    weigh(walked, PEER, [said(4, byte=77)], keys=KEYS)
    assert [(finding.fault, finding.seq) for finding in walked.findings] == [(Fault.WITNESS, 4)]


def test_a_node_that_forgets_a_whole_life_cannot_be_confirmed() -> None:
    walked = log((1, LIFE))
    weighed = weigh(walked, PEER, [said(20, life=OTHER_LIFE)], keys=KEYS)
    assert "has nothing of it" in weighed.unproven[0]


@pytest.mark.parametrize(("seq", "byte", "contradicts"), [(5, 5, False), (6, 6, False), (5, 9, True), (4, 4, True)])
def test_an_end_contradicts_an_earlier_one_when_it_is_shorter_or_another(seq: int, byte: int, *, contradicts: bool) -> None:
    assert (contradiction(said(seq, byte=byte), [said(5)]) is not None) is contradicts
    assert contradiction(said(seq, byte=byte, life=OTHER_LIFE), [said(5)]) is None


def test_an_answer_has_a_bound() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(Witnessed(True, [said(1)] * 65)), type=Witnessed)
