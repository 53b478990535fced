"""What holds at nodes below is the newest word about each series, whatever order the records came up in."""

from __future__ import annotations

from datetime import UTC, datetime

from node.sensor_alarms.below import grave_ids, holding_below

Row = dict[str, object]


def row(name: str, second: int, *, active: bool, origin: str = "grid", device: str = "loop-1", facts: object = "{}") -> Row:
    at = datetime(2026, 11, 22, 4, 0, second, tzinfo=UTC)
    series = {"source": "traffic-flow", "device": device, "quantity": "vehicles", "kind": "gap"}
    told = {"alarm_id": name, "active": active, "value": 4.0, "facts": facts}
    return {**series, **told, "event_time": at, "_lsn": second, "_origin": origin, "territory": "370202", "grade": 1}


def test_an_alarm_that_ended_or_is_this_nodes_own_is_left_out() -> None:
    rows = [
        row("began", 1, active=True),
        row("ended", 2, active=False),
        row("again", 3, active=True),
        row("own", 4, active=True, origin="me"),
        row("over", 5, active=False, device="loop-2"),
        row("before", 2, active=True, device="loop-2"),
    ]
    found = holding_below(rows, "me")
    assert [alarm["id"] for alarm in found] == ["again"]
    assert found == holding_below(reversed(rows), "me")
    assert (found[0]["node"], found[0]["time_us"]) == ("grid", 1_795_320_003_000_000)


def test_facts_that_another_node_wrote_badly_are_none_and_the_alarm_stays() -> None:
    badly = ("{", '{"a":' * 5_000, f'{{"a": {1 << 80}}}', "[1]", None, '{"last": 4}')
    rows = [row(str(number), number, active=True, device=str(number), facts=told) for number, told in enumerate(badly)]
    assert [alarm["facts"] for alarm in holding_below(rows, "me")] == [{"last": 4}, *[{}] * 5]


def test_the_severity_is_that_of_the_incident_that_an_alarm_opened() -> None:
    incidents: list[Row] = [{"event_id": "a", "severity": 3}, {"event_id": None, "severity": 2}, {"event_id": "b", "severity": None}]
    assert grave_ids(incidents) == {"a": 3, "b": 0}
