"""From messages to rows and rejects, over real stores."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.ingest import intake as intake_module
from node.ingest.intake import RESTART_MEMORY_US
from node.ingest.sink import Message, Reading, Verdict
from tests.node.ingest.parts import NOW_US, TERRITORY, Bench, make_bench, reading


def message(device: str = "d1", value: float = 1.0, *, resource: str = "air-quality", time: int | None = NOW_US // 1_000_000) -> Message:
    """A flat reading."""
    return Message(f"{resource}/reading/{device}", json.dumps({"device": device, "value": value, "time": time}).encode())


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = make_bench(tmp_path)
    yield made
    made.close()


def test_messages_become_rows_and_are_acknowledged_after_the_commit(bench: Bench) -> None:
    acks: list[int] = []
    verdicts = bench.intake.submit("c", [message("d1"), message("d2", resource="traffic-flow")], lambda: acks.append(1))
    assert (verdicts, acks) == ({}, [])
    assert bench.commit() == 2
    assert acks == [1]
    assert [row["device"] for row in bench.rows] == ["d1", "d2"]


def test_what_does_not_decode_is_kept_with_its_reason_before_the_acknowledgement(bench: Bench) -> None:
    acks: list[int] = []
    verdicts = bench.intake.submit("c", [message(), Message("air-quality/reading/x", b"{nonsense"), message("d2")], lambda: acks.append(1))
    assert verdicts == {1: Verdict.UNDECODABLE}
    bench.commit()
    assert acks == []
    bench.run_later()
    assert acks == [1]
    (reject,) = bench.rejects.newest()
    assert (reject["reason"], reject["client"], reject["topic"], reject["prefix"]) == (
        "not_a_reading",
        "c",
        "air-quality/reading/x",
        b"{nonsense",
    )
    assert bench.intake.counts["accepted"] == 2


def test_a_topic_without_profile_asks_for_the_resource_that_it_begins_with(bench: Bench) -> None:
    asked: list[str] = []
    bench.intake.needed = lambda resource: asked.append(resource) or True  # type: ignore[func-returns-value]
    bench.intake.submit("c", [Message("street-noise/reading/n1", b"1")], lambda: None)
    assert asked == ["street-noise"]


def test_a_topic_without_profile_is_kept_and_counted(bench: Bench) -> None:
    assert bench.intake.submit("c", [Message("elsewhere", b"1")], lambda: None) == {0: Verdict.NO_ROUTE}
    bench.run_later()
    assert bench.rejects.counts() == {"no_route": 1}


def test_an_unknown_device_waits_until_it_is_admitted(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, admit_unknown=False)
    assert bench.intake.submit("c", [message()], lambda: None) == {0: Verdict.NOT_ADMITTED}
    assert [device.state.value for device in bench.devices.newest(10)] == ["waiting"]
    bench.devices.decide("d1", admit=True, now_us=NOW_US)
    assert bench.intake.submit("c", [message()], lambda: None) == {}
    assert bench.commit() == 1
    bench.close()


def test_registry_changes_become_rows(bench: Bench) -> None:
    bench.intake.submit("c", [message()], lambda: None)
    bench.intake.tick()
    bench.commit()
    row = bench.rows[-1]
    assert (row["device"], row["state"], row["protocol"], row["territory"]) == ("d1", "admitted", "mqtt", TERRITORY)


def test_what_a_client_repeats_after_a_reconnect_is_stored_once(bench: Bench) -> None:
    acks: list[str] = []
    bench.intake.connected("c")
    bench.intake.submit("c", [message(value=1), message(value=2)], lambda: acks.append("lost"))
    bench.intake.gone("c")
    bench.intake.connected("c")
    bench.intake.submit("c", [message(value=2), message(value=3)], lambda: acks.append("again"))
    assert bench.commit() == 3
    assert acks == ["lost", "again"]
    assert bench.intake.counts["repeated"] == 1


def test_a_submission_of_nothing_but_repeats_is_acknowledged(bench: Bench) -> None:
    acks: list[str] = []
    bench.intake.connected("c")
    bench.intake.submit("c", [message()], lambda: acks.append("first"))
    bench.intake.connected("c")
    bench.intake.submit("c", [message()], lambda: acks.append("again"))
    assert bench.commit() == 1
    assert acks == ["first", "again"]


EARLIER_S = NOW_US // 1_000_000 - 60


def test_what_a_steady_client_sends_again_is_stored_once_and_acknowledged(bench: Bench) -> None:
    acks: list[str] = []
    bench.intake.connected("c")
    bench.intake.submit("c", [message(time=EARLIER_S), message(time=EARLIER_S + 1, value=2.0)], lambda: acks.append("first"))
    bench.commit()
    bench.intake.submit("c", [message(time=EARLIER_S)], lambda: acks.append("again"))
    bench.intake.submit("c", [message(time=EARLIER_S + 1, value=3.0)], lambda: acks.append("another value"))
    bench.intake.submit("c", [message(time=EARLIER_S + 1, value=2.0)], lambda: acks.append("again"))
    bench.commit()
    assert [row["value"] for row in bench.rows] == [1.0, 2.0, 3.0]
    assert sorted(acks) == ["again", "again", "another value", "first"]
    assert bench.intake.counts["repeated"] == 2


def test_what_is_sent_twice_in_one_go_is_stored_once(bench: Bench) -> None:
    bench.intake.submit("c", [message(time=EARLIER_S), message(time=EARLIER_S)], lambda: None)
    assert bench.commit() == 1


def test_a_clients_first_readings_after_the_comparison_ended_are_still_known(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake_module, "READINGS_PER_CLIENT_MAX", 2)
    bench.intake.connected("c")
    for second in range(6):
        bench.intake.submit("c", [message(time=EARLIER_S + second)], lambda: None)
    bench.intake.submit("c", [message(time=EARLIER_S + 1)], lambda: None)
    assert bench.commit() == 6


def test_equal_readings_that_carry_no_time_are_all_stored(bench: Bench) -> None:
    bench.intake.connected("c")
    bench.intake.submit("c", [message(time=None), message(time=None)], lambda: None)
    bench.intake.submit("c", [message(time=None)], lambda: None)
    assert bench.commit() == 3


def test_two_clients_may_say_the_same(bench: Bench) -> None:
    bench.intake.submit("c", [message(time=EARLIER_S)], lambda: None)
    bench.intake.submit("d", [message(time=EARLIER_S)], lambda: None)
    assert bench.commit() == 2


def test_the_journal_tail_tells_repeats_after_a_restart(bench: Bench) -> None:
    stored = Reading(NOW_US, TERRITORY, 1, "d1", "value", 1.0, None, None)
    bench.intake.recall([reading("other"), stored])
    bench.intake.connected("c")
    bench.intake.submit("c", [message(value=1.0), message(value=2.0)], lambda: None)
    assert bench.commit() == 1
    bench.clock.us += RESTART_MEMORY_US + 1
    bench.intake.tick()
    bench.commit()
    bench.intake.connected("c")
    bench.intake.submit("c", [message(value=1.0)], lambda: None)
    assert bench.commit() == 1


def test_an_unwritable_rejects_file_keeps_the_device_waiting(bench: Bench) -> None:
    acks: list[int] = []
    bench.rejects._connection.execute("PRAGMA query_only=1")
    bench.intake.submit("c", [Message("elsewhere", b"1")], lambda: acks.append(1))
    bench.run_later()
    assert acks == []
    assert bench.intake.counts["rejects_unwritten"] == 1
    bench.rejects._connection.execute("PRAGMA query_only=0")
    bench.run_later()
    assert acks == [1]


def test_a_message_without_values_is_acknowledged(bench: Bench) -> None:
    acks: list[int] = []
    bench.intake.submit("c", [Message("air-quality/json/d1", b"{}")], lambda: acks.append(1))
    bench.commit()
    assert acks == [1]
