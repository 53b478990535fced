"""The public conformance suite of MQTT against the open profile, and the fan-out it needs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from node.ingest.mqtt.access import Access
from node.ingest.mqtt.fanout import QUEUE_MAX
from tests.node.ingest.mqtt.conformance import DECLARED_OFF, run_all
from tests.node.ingest.mqtt.stand import NEW, PUBACK, number, publish, standing
from tests.node.ingest.mqtt.test_commands import subscribe

SUITE = os.environ.get("YUNNAO_PAHO_TESTING", "")


@pytest.mark.slow
@pytest.mark.skipif(not SUITE, reason="eclipse/paho.mqtt.testing is not here: name the folder of a checkout in YUNNAO_PAHO_TESTING")
async def test_the_suite_passes_but_for_what_the_connack_declares_off() -> None:
    results = await run_all(Path(SUITE))
    failed = {(result.version, result.name) for result in results if not result.passed}
    assert len(results) > 30
    assert failed <= {("5", name) for name in DECLARED_OFF}


async def test_clients_of_the_open_profile_hear_each_other_and_what_was_retained(tmp_path: Path) -> None:
    async with standing(tmp_path, access=Access(is_open=True), flushes=True) as stand:
        sender, hearer = await stand.join("s", NEW), await stand.join("h", NEW)
        await hearer.says(subscribe("a/+"), b"\x90\x03\x00\x09\x01")
        sender.writer.write(b"\x31\x05\x00\x03a/b" + publish(0, b"", qos=0, topic="a/c"))
        await sender.is_silent()
        await hearer.says(b"", b"\x30\x05\x00\x03a/b" + b"\x30\x05\x00\x03a/c")
        await sender.says(b"\x33\x08\x00\x03r/b\x00\x05x", PUBACK + number(5))
        await hearer.says(subscribe("r/#"), b"\x90\x03\x00\x09\x01" + b"\x33\x08\x00\x03r/b\x00\x01x")


async def test_a_client_of_the_open_profile_that_does_not_acknowledge_has_a_bounded_queue(tmp_path: Path) -> None:
    async with standing(tmp_path, access=Access(is_open=True), flushes=True) as stand:
        sender, hearer = await stand.join("s", NEW), await stand.join("h", NEW)
        await hearer.says(subscribe("a"), b"\x90\x03\x00\x09\x01")
        sent = [publish(index + 1, b"", qos=1, topic="a") for index in range(QUEUE_MAX + 100)]
        await sender.says(b"".join(sent), b"".join(PUBACK + number(index + 1) for index in range(len(sent))))
        assert await hearer.reader.readexactly(16 * 7) == b"".join(sent[:16])
        await hearer.is_silent()
