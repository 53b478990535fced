"""Profiles from files in front of a real intake: readings are stored, what cannot be used is kept with its reason, others do not notice."""

from __future__ import annotations

import json
from pathlib import Path

from node.ingest.profile_files.build import profile_of
from node.ingest.profile_files.load import SHIPPED, read_profile
from node.ingest.sink import Message
from tests.node.ingest.lorawan.test_uplink import CHIRPSTACK, THINGS_STACK
from tests.node.ingest.parts import TERRITORY, Bench, make_bench


def bench_with(folder: Path, **topics: str) -> Bench:
    """A bench that knows shipped profiles, each at a topic."""
    bench = make_bench(folder)
    named = {name.replace("_", "-"): topic for name, topic in topics.items()}
    bench.intake._profiles.add(
        [
            profile_of(name, read_profile(SHIPPED / f"{name}.toml"), topic=topic, resource="air-quality", territory=TERRITORY)
            for name, topic in named.items()
        ]
    )
    return bench


def test_good_messages_are_stored_and_bad_ones_kept_with_their_reason(tmp_path: Path) -> None:
    bench = bench_with(tmp_path, tasmota="tele/+/SENSOR", cayenne_lpp="application/#")
    messages = [
        Message("tele/hall/SENSOR", b'{"SHT3X":{"Temperature":77,"Humidity":33},"TempUnit":"F"}'),
        Message("tele/hall/SENSOR", b'{"SHT3X":{"Temperature":900},"TempUnit":"C"}'),
        Message("tele/hall/SENSOR", b'{"SHT3X":{"Temperature":20},"TempUnit":"Z"}'),
        Message("tele/<b>/SENSOR", b'{"SHT3X":{"Temperature":20}}'),
        Message("application/1/device/2/event/up", json.dumps(CHIRPSTACK).encode()),
        Message("application/1/device/2/event/up", json.dumps({**THINGS_STACK, "uplink_message": {"frm_payload": "/////w=="}}).encode()),
    ]
    verdicts = bench.intake.submit("gateway", messages, lambda: None)
    bench.commit()
    assert sorted(verdicts) == [2, 3, 5]
    stored = [(row["device"], row["quantity"], row["text"]) for row in bench.rows]
    assert len(stored) == 7
    assert ("hall", "temperature", "outside -60 to 125: 900") in stored
    refused = {reason: bench.intake.counts[reason] for reason in ("unit_does_not_convert", "bad_device", "unknown_channel")}
    assert set(refused.values()) == {1}
    assert bench.intake.counts["implausible"] == 1
    bench.close()


def test_the_registry_names_the_profile_of_a_device(tmp_path: Path) -> None:
    bench = bench_with(tmp_path, tasmota="tele/+/SENSOR")
    bench.intake.submit("gateway", [Message("tele/hall/SENSOR", b'{"SHT3X":{"Temperature":20}}')], lambda: None)
    device = bench.devices.known("hall")
    assert device is not None
    assert bench.intake._profiles.named(device.card.profile) is not None
    bench.close()


def test_a_resource_that_holds_no_readings_here_refuses_the_message_and_not_the_node(tmp_path: Path) -> None:
    bench = make_bench(tmp_path)
    file = read_profile(SHIPPED / "tasmota.toml")
    bench.intake._profiles.add(
        [profile_of("tasmota", file, topic=f"{code}/#", resource=code, territory=TERRITORY) for code in ("no-such", "device-registry")]
    )
    payload = b'{"SHT3X":{"Temperature":20}}'
    messages = [Message("no-such/hall", payload), Message("device-registry/hall", payload), Message("air-quality/json/hall", payload)]
    assert sorted(bench.intake.submit("gateway", messages, lambda: None)) == [0, 1]
    assert (bench.intake.counts["no_resource"], bench.intake.counts["accepted"]) == (2, 1)
    bench.close()
