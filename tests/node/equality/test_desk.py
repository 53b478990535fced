"""A proof between two real journals: equal when they are, the very number when they are not, and silence only about what it cannot know."""

from __future__ import annotations

import hashlib

import msgspec
import pyarrow as pa
import pytest

from node.equality.audit import Asked, Plain
from node.equality.wire import EQUALITY, AskedBucket, AskedStream, EqualityError, Question, Verdict, read
from node.store.flows import Scope
from sync.model import Lane
from sync.wire.payload import encode_payload, unfold_payload
from tests.node.equality.city import CHILD, PARENT, City


async def prove(made: City) -> Plain:
    (hop,) = (await made.auditor.equal(None))["hops"]
    return dict(hop)


async def flow(made: City, asked: Asked | None = None) -> Plain:
    wanted = asked or Asked()
    return await made.auditor.with_peers(made.auditor.own_half(wanted), wanted.scope(made.auditor.journal))


def change_at_parent(made: City, row: int) -> None:
    """The parent stored another value than it was sent, with the hash of what it stored."""
    writer = made.journals[PARENT]._writer
    lsn, payload = writer.execute("SELECT lsn, payload FROM batch WHERE row_count > 0 ORDER BY lsn LIMIT 1").fetchone()
    rows = unfold_payload(payload).to_pylist()
    rows[row]["value"] += 1.0
    other = encode_payload(pa.RecordBatch.from_pylist(rows, unfold_payload(payload).schema), compression=None)
    writer.execute("UPDATE batch SET payload = ?, payload_sha256 = ? WHERE lsn = ?", (other, hashlib.sha256(other).digest(), lsn))


async def test_what_was_sent_whole_withheld_and_closed_is_proven_equal(linked: City) -> None:
    linked.rig.stations[CHILD].gate.forbidden = frozenset({2.0, 5.0})
    linked.rig.stations[CHILD].gate.closed = frozenset({"residents"})
    linked.offer([1.0, 2.0, 3.0])
    linked.offer([4.0, 5.0, 6.0])
    linked.offer([7.0], resource="residents")
    hop = await prove(linked)
    assert (hop["proof"], hop["difference"], hop["streams"], hop["buckets"]) == ("proven", None, 1, 1)
    assert linked.auditor.memory.newest(PARENT, "up") is not None
    assert len(linked.asked) == 1
    assert (await flow(linked))["first_difference"] is None


async def test_another_value_at_the_parent_is_named_by_number(linked: City) -> None:
    linked.offer([1.0, 2.0, 3.0])
    change_at_parent(linked, 1)
    hop = await prove(linked)
    assert (hop["proof"], hop["difference"]["number"], hop["difference"]["is_content"]) == ("difference", 2, True)
    assert "record 2 of qd-shinan/air-quality toward qingdao" in hop["difference"]["text"]


async def test_another_value_of_a_rewritten_row_is_found_from_the_kept_sum(linked: City) -> None:
    linked.rig.stations[CHILD].gate.forbidden = frozenset({2.0})
    linked.offer([1.0, 2.0, 3.0, 4.0])
    assert linked.journals[CHILD]._writer.execute("SELECT count(*) FROM ledger_sum").fetchone() == (1,)
    assert (await prove(linked))["proof"] == "proven"
    change_at_parent(linked, 2)
    assert (await prove(linked))["difference"]["number"] == 4


async def test_records_missing_at_the_parent_are_a_difference_with_both_sides_named(linked: City) -> None:
    linked.offer([1.0, 2.0, 3.0])
    linked.journals[PARENT]._writer.execute("UPDATE stream_range SET last_seq = 1")
    answer = await flow(linked)
    difference = answer["hops"][0]["difference"]
    assert (difference["number"], difference["here"]["state"], difference["here"]["batch"]) == (2, "present", 1)
    assert answer["first_difference"].startswith("record 2 of qd-shinan/air-quality toward qingdao: present here (batch 1), ")


async def test_a_missing_ledger_row_is_the_first_difference_of_the_own_half(linked: City) -> None:
    linked.offer([1.0, 2.0, 3.0])
    linked.offer([4.0, 5.0])
    linked.journals[CHILD]._writer.execute("DELETE FROM ledger_run WHERE ledger_id = 2")
    answer = linked.auditor.own_half(Asked())
    assert answer["hops"][0]["difference"]["number"] == 4
    assert answer["hops"][0]["difference"]["here"] == {"state": "not told", "reason": "", "decider": "", "batch": 2, "source": CHILD}
    assert linked.auditor.own_half(Asked(first=1, last=3))["first_difference"] is None


async def test_without_the_peer_the_own_half_is_proven_and_the_rest_is_not_claimed(linked: City) -> None:
    linked.offer([1.0])
    linked.is_linked = False
    hop = (await flow(linked))["hops"][0]
    assert (hop["proof"], hop["why"], hop["difference"]) == ("cannot-tell", "qingdao has no link", None)
    assert hop["streams"][0]["holds"] is True
    assert (await prove(linked))["proof"] == "cannot-tell"
    assert linked.auditor.memory.newest(PARENT, "up") is None


async def test_what_was_rewritten_before_sums_were_kept_is_compared_by_state_alone(linked: City) -> None:
    linked.offer([1.0, 2.0])
    linked.journals[CHILD]._writer.execute("UPDATE meta SET value = '9' WHERE key = 'row_sums_from'")
    change_at_parent(linked, 0)
    assert (await prove(linked))["proof"] == "proven"


async def test_a_period_takes_the_numbers_committed_in_it(linked: City) -> None:
    linked.offer([1.0, 2.0])
    linked.journals[CHILD]._writer.execute("INSERT INTO kept_time VALUES (1, 1000, 0)")
    linked.offer([3.0])
    linked.journals[CHILD]._writer.execute("INSERT INTO kept_time VALUES (2, 2000, 0)")
    for asked, produced in ((Asked(since_us=1500), [1]), (Asked(until_us=1000), [2]), (Asked(since_us=500, until_us=3000), [3])):
        (hop,) = linked.auditor.own_half(asked)["hops"]
        assert [stream["produced"] for stream in hop["streams"]] == produced


async def test_a_hostile_question_is_refused_and_costs_nothing(linked: City) -> None:
    desk = linked.desks[PARENT]
    far = AskedStream("evil", 1, int(Lane.BULK), (1 << 63) - 1, [AskedBucket((1 << 47) - 1, 1, 2, 3)])
    body = msgspec.msgpack.encode(Question(0, "air-quality", True, [far]))
    assert len(await desk.answer(CHILD, body)) < 200
    for bad in (b"", b"\xc1", msgspec.msgpack.encode({"direction": 9}), body[:-1]):
        with pytest.raises(EqualityError):
            await desk.answer(CHILD, bad)


async def test_a_peer_that_answers_nonsense_is_an_error_and_no_proof(linked: City) -> None:
    linked.offer([1.0])

    async def nonsense(peer: str, body: bytes) -> bytes:
        return msgspec.msgpack.encode({"details": [[0, 0, b"torn", b""]], "differing": 1})

    linked.queries[PARENT].neighbours[EQUALITY] = nonsense
    hop = await prove(linked)
    assert (hop["proof"], hop["why"]) == ("cannot-tell", "ranges of 4 bytes refused: not a multiple of 17")
    with pytest.raises(EqualityError):
        await linked.desks[CHILD].prove(PARENT, linked.auditor.hops()[0][1], Scope(), has_rows=False)


async def test_a_proof_toward_a_stranger_is_refused_by_name(linked: City) -> None:
    with pytest.raises(EqualityError, match="nobody is no peer that this node sends to: known are qingdao"):
        await linked.auditor.equal("nobody")


async def test_a_stream_that_came_from_elsewhere_is_not_told_of(linked: City) -> None:
    linked.offer([1.0, 2.0])
    stream = next(iter(linked.journals[PARENT].recover().streams))
    asked = AskedStream(stream.origin, stream.incarnation, int(stream.lane), 2, [AskedBucket(0, 1, 0, -1)])
    body = msgspec.msgpack.encode(Question(0, stream.resource, True, [asked]))
    told = {peer: read(await linked.desks[PARENT].answer(peer, body), Verdict).details[0].ranges for peer in (CHILD, "neighbour")}
    assert (len(told[CHILD]), told["neighbour"]) == (17, b"")


async def test_rows_that_the_peer_let_go_are_compared_by_state_alone(linked: City) -> None:
    linked.offer([1.0, 2.0])
    linked.journals[PARENT]._writer.execute("UPDATE batch SET payload = x'', freed = 20")
    hop = await prove(linked)
    assert (hop["proof"], hop["states_only"]) == ("proven", 1)
