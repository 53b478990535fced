"""The verbs of a real node on its socket: what they answer, and what they refuse with a reason."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from node.api import Api
from node.config.config import NodeConfig
from sync.transport.local_api import LocalApiCode, LocalApiError, call_local_async
from tests.node.station import call, make_station, running

VERBS = [
    "admissions", "admit", "algorithm_heard", "algorithm_list", "algorithm_offers", "algorithm_publish", "algorithm_say",
    "algorithm_show", "algorithm_take", "algorithm_usage", "attach", "attach_order", "audit_equal", "audit_flow", "audit_log",
    "audit_verify", "bundle_export", "bundle_import", "bundle_receipt", "bundle_receipt_write", "camera_directory",
    "camera_directory_import", "camera_reload", "camera_view_begin", "camera_view_end", "camera_view_next", "catalogue",
    "catalogue_drop", "catalogue_entries", "catalogue_history", "catalogue_import", "catalogue_issue", "catalogue_show",
    "catalogue_withdraw", "classify_decide", "classify_list", "classify_propose", "device_admit", "device_command",
    "device_command_show", "device_command_withdraw", "device_commands", "device_import", "device_page", "device_retire",
    "device_show", "devices", "devices_below", "emergency_approve", "emergency_list", "emergency_open", "emergency_say",
    "emergency_show", "entry_decide", "entry_list", "entry_propose", "entry_register", "entry_show", "events", "evidence",
    "evidence_check", "evidence_drop", "evidence_export", "evidence_fetch", "evidence_list", "evidence_show", "explain",
    "incident_show", "incident_step", "incidents", "put", "quality_decide", "quality_report", "quality_rules", "quality_scores",
    "quality_show", "quality_tickets", "quarantine", "quarantine_decide", "readings", "recall_list", "recall_show",
    "regrade_decide", "regrade_list", "regrade_propose", "regrade_show", "request_ask", "request_duties", "request_fetch",
    "request_grant", "request_list", "request_missing", "request_rate", "request_refuse", "request_say", "request_show",
    "resources", "returns", "review_decide", "review_justify", "review_list", "review_show", "rule_change", "rule_verdicts",
    "scale_set", "sealed", "sensor_alarms", "sensor_alarms_below", "specimen", "sql", "status", "summary", "territory_drop",
    "territory_issue", "territory_list", "territory_plan", "token_create", "trace_record", "tree", "verify", "verify_log",
]  # fmt: skip
AIR = {"resource": "air-quality", "columns": ["device", "quantity", "value", "text", "unit"]}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[NodeConfig]:
    config = make_station(Path(tmp_path_factory.mktemp("n")) / "n")
    async with running(config):
        await call(config, "put", **AIR, rows=[["d1", "pm25", 1.0, None, "ug/m3"], ["d2", "pm25", 3.0, None, "ug/m3"]])
        yield config


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def refusal(node: NodeConfig, verb: str, /, **arguments: object) -> LocalApiError:
    with pytest.raises(LocalApiError) as caught:
        await call(node, verb, **arguments)
    return caught.value


async def test_an_unknown_verb_is_answered_with_the_list(node: NodeConfig) -> None:
    error = await refusal(node, "reboot")
    assert error.code is LocalApiCode.UNKNOWN_VERB
    assert all(verb in error.text for verb in VERBS)


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [
        ("status", {"verbose": True}),
        ("events", {"limit": 0}),
        ("events", {"limit": 10**9}),
        ("events", {"before_lsn": "9"}),
        ("evidence", {"sha256": "../../etc/passwd"}),
        ("readings", {}),
        ("explain", {"resource": "air-quality", "distance": 9}),
        ("explain", {"resource": "air-quality", "direction": "sideways"}),
        ("put", {"resource": "air-quality", "columns": [], "rows": [[]]}),
        ("put", {"resource": "air-quality", "columns": ["device"], "rows": []}),
        ("put", {"resource": "air-quality", "columns": ["device"], "rows": [[{"a": 1}]]}),
        ("token_create", {"level": "municipal"}),
        ("admit", {"node": "n"}),
    ],
)
async def test_arguments_that_do_not_fit_are_refused(node: NodeConfig, verb: str, arguments: dict[str, object]) -> None:
    error = await refusal(node, verb, **arguments)
    assert error.code is LocalApiCode.INVALID
    assert f"arguments of {verb} refused: " in error.text
    assert not any(word in error.text for word in ("Expected", "Object", "Invalid", "`", "$."))


@pytest.mark.parametrize("body", [b"\xff", b"[]", b'{"resource":"\xff"}', b'{"x":' + b"[" * 100_000], ids=["bytes", "list", "utf8", "deep"])
async def test_a_body_that_is_no_arguments_is_refused(node: NodeConfig, body: bytes) -> None:
    with pytest.raises(LocalApiError, match="refused") as caught:
        await call_local_async(node.folder / "api.sock", "readings", body, 10.0)
    assert caught.value.code is LocalApiCode.INVALID


@pytest.mark.parametrize(
    ("verb", "arguments", "why"),
    [
        ("put", AIR | {"resource": "moonlight", "rows": [["d", "q", 1.0, None, None]]}, "moonlight"),
        ("put", AIR | {"rows": [["d", "q", "much", None, None]]}, "value"),
        ("summary", {"resource": "air-quality", "from_us": 5, "to_us": 1}, "must be positive"),
        ("token_create", {"level": "emperor", "territory": "3702"}, "level 'emperor' is not one of"),
        ("token_create", {"level": "municipal", "territory": "99"}, "99"),
        ("token_create", {"level": "municipal", "territory": "3702", "ttl_s": -1.0}, "cannot live -1 s"),
        ("admit", {"node": "nobody", "accept": True}, "nobody"),
    ],
)
async def test_what_the_node_will_not_do_is_refused_with_the_reason(
    node: NodeConfig, verb: str, arguments: dict[str, object], why: str
) -> None:
    with pytest.raises(LocalApiError, match=why):
        await call(node, verb, **arguments)


async def test_evidence_that_is_not_here_is_not_found(node: NodeConfig) -> None:
    assert (await refusal(node, "evidence", sha256="0" * 64)).code is LocalApiCode.NOT_FOUND


async def test_a_device_nobody_met_is_not_found(node: NodeConfig) -> None:
    assert (await refusal(node, "device_admit", device="ghost", accept=True)).code is LocalApiCode.NOT_FOUND


async def test_stored_rows_are_read_back_newest_first(node: NodeConfig) -> None:
    found = await call(node, "readings", resource="air-quality", limit=2)
    column = found["columns"].index("value")  # type: ignore[attr-defined]
    assert [row[column] for row in found["rows"]] == [3.0, 1.0]  # type: ignore[attr-defined]


async def test_the_status_counts_what_is_stored(node: NodeConfig) -> None:
    status = await call(node, "status")
    assert status["node"]["records"]["air-quality"] == 2  # type: ignore[index]
    assert status["links"] == []


async def test_the_tree_of_a_lone_province_is_itself(node: NodeConfig) -> None:
    tree = await call(node, "tree")
    assert [entry["id"] for entry in tree["nodes"]] == [tree["self"]]  # type: ignore[attr-defined]


async def test_every_resource_says_what_becomes_of_it(node: NodeConfig) -> None:
    found = await call(node, "resources")
    assert {"air-quality", "residents", "camera-events"} <= {entry["code"] for entry in found["resources"]}  # type: ignore[attr-defined]
    assert all(set(entry["outcomes"]) == {"parent", "above", "return"} for entry in found["resources"])  # type: ignore[attr-defined]


async def test_an_explanation_names_its_steps(node: NodeConfig) -> None:
    found = await call(node, "explain", resource="residents", distance=2)
    assert found["outcome"] == "aggregate"
    assert found["steps"]


async def test_the_specimen_shows_each_form(node: NodeConfig) -> None:
    found = await call(node, "specimen", resource="residents")
    assert [form["where"] for form in found["forms"]] == ["source", "parent", "above", "listed"]  # type: ignore[attr-defined]


async def test_a_summary_counts_the_stored_rows(node: NodeConfig) -> None:
    found = await call(node, "summary", resource="air-quality", from_us=0, to_us=1 << 52, bucket_s=1 << 40, territory_digits=2)
    assert [(row[3], row[4], row[7]) for row in found["rows"]] == [(2, 2.0, 2)]  # type: ignore[attr-defined]


async def test_a_token_is_made_once_per_call(node: NodeConfig) -> None:
    made = [await call(node, "token_create", level="municipal", territory="3702") for _ in range(2)]
    assert made[0]["token"] != made[1]["token"]
    assert made[0]["ca_sha256"] == made[1]["ca_sha256"]


async def test_books_without_hops_hold(node: NodeConfig) -> None:
    assert await call(node, "audit_flow") == {"hops": [], "first_difference": None}


@pytest.mark.parametrize("verb", ["events", "incidents", "devices", "admissions"])
async def test_lists_of_a_new_node_are_empty(node: NodeConfig, verb: str) -> None:
    assert next(iter((await call(node, verb)).values())) == []


async def test_devices_are_entered_shown_told_and_taken_down(node: NodeConfig) -> None:
    sheet = [{"device": "lamp-1", "owner": "parks", "territory": "370202", "period_s": 60.0}, {"device": "lamp-2", "territory": "110101"}]
    judged = await call(node, "device_import", devices=sheet)
    assert (judged["added"], judged["taken"]) == (["lamp-1"], False)
    assert [(each["index"], each["column"]) for each in judged["problems"]] == [(1, "territory")]  # type: ignore[attr-defined]
    assert (await call(node, "device_import", devices=sheet[:1], by="li"))["taken"] is True
    issued = await call(node, "device_command", device="lamp-1", name="restart", by="li")
    withdrawn = await call(node, "device_command_withdraw", id=issued["id"], by="li")
    shown = await call(node, "device_show", device="lamp-1")
    device, commands = shown["device"], shown["commands"]
    assert (device["owner"], device["state"], device["decided_by"], device["age_s"]) == ("parks", "admitted", "li", None)  # type: ignore[index]
    assert [each["state"] for each in commands] == [withdrawn["state"]] == ["withdrawn"]  # type: ignore[attr-defined]
    await call(node, "device_retire", device="lamp-1", by="li")
    assert "retired" in (await refusal(node, "device_command", device="lamp-1", name="restart", by="li")).text
    assert (await call(node, "devices_below"))["devices"] == []


async def test_an_incident_is_listed_once_however_much_is_said_about_it(node: NodeConfig) -> None:
    columns = ["incident_id", "event_id", "class", "severity", "handling_level", "state", "summary"]
    rows = [["inc-lamp-7", "lamp-7-event", "lamp", 2, "grid", "open", "lamp 7"]]
    await call(node, "put", resource="incidents", columns=columns, rows=rows)
    assert (await call(node, "incident_step", id="inc-lamp-7", step="acknowledge", by="li"))["state"] == "acknowledged"
    assert (await call(node, "incident_step", id="lamp-7-e", step="dismiss", by="li", why="a flag"))["state"] == "dismissed"
    listed = await call(node, "incidents")
    one: dict[str, object] = listed["incidents"][0]  # type: ignore[index]
    assert len(listed["incidents"]) == 1  # type: ignore[arg-type]
    assert (one["summary"], one["state"], one["by"], one["why"], listed["open"]) == ("lamp 7", "dismissed", "li", "a flag", 0)
    steps = (await call(node, "incident_show", id="inc-lamp"))["steps"]
    assert [step["state"] for step in steps] == ["open", "acknowledged", "dismissed"]  # type: ignore[attr-defined]
    assert "does not take" in (await refusal(node, "incident_step", id="inc-lamp-7", step="dismiss", by="li")).text
    assert (await call(node, "rule_verdicts"))["rules"] == []


async def test_the_verbs_are_the_ones_these_tests_know(node: NodeConfig) -> None:
    assert sorted(Api(None).verbs) == VERBS  # type: ignore[arg-type]
