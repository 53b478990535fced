"""Uplinks of two network servers."""

from __future__ import annotations

import json

import pytest

from node.ingest.decode import decode
from node.ingest.errors import DecodeError
from node.ingest.lorawan.payload import CayenneDecoder
from node.ingest.lorawan.uplink import UplinkReader
from node.ingest.profiles import Format, Profile
from node.ingest.sink import Reading
from tests.node.ingest.parts import NOW_US, TERRITORY

PROFILE = Profile("p", "#", Format.LORAWAN, "air-quality", TERRITORY, reader=UplinkReader(CayenneDecoder()))
TEMPERATURE = "A2cBEAVnAP8="
"""03 67 01 10 05 67 00 FF in base64."""
CHIRPSTACK = {
    "deduplicationId": "3ac7e3c4-4401-4b8d-9386-a5c902f9202d",
    "time": "2023-11-14T22:13:20.558804+00:00",
    "deviceInfo": {"tenantName": "ChirpStack", "applicationName": "Test app", "deviceName": "Test device", "devEui": "0101010101010101"},
    "devAddr": "01010101",
    "dr": 1,
    "fPort": 1,
    "data": TEMPERATURE,
    "rxInfo": [{"gatewayId": "1", "rssi": -97, "snr": 2}, {"gatewayId": "2", "rssi": -48, "snr": 9}],
    "txInfo": {"frequency": 868500000},
}
THINGS_STACK = {
    "end_device_ids": {"device_id": "dev1", "application_ids": {"application_id": "app1"}, "dev_eui": "0004A30B001C0530"},
    "received_at": "2023-11-14T22:13:21.000000000Z",
    "uplink_message": {
        "f_port": 1,
        "f_cnt": 1,
        "frm_payload": TEMPERATURE,
        "rx_metadata": [{"gateway_ids": {"gateway_id": "gtw1"}, "rssi": -35, "snr": 5.2}],
        "received_at": "2023-11-14T22:13:20.558804123Z",
    },
}


def readings(content: object) -> list[Reading]:
    """What an uplink becomes."""
    return decode(
        PROFILE, "application/1/device/2/event/up", content if isinstance(content, bytes) else json.dumps(content).encode(), NOW_US
    )


def test_an_uplink_of_chirpstack_keeps_the_best_signal() -> None:
    found = readings(CHIRPSTACK)
    assert [(entry.quantity, entry.value, entry.unit) for entry in found] == [
        ("temperature_3", 27.2, "Cel"),
        ("temperature_5", 25.5, "Cel"),
        ("rssi", -48.0, "dB{mW}"),
        ("snr", 9.0, "dB"),
    ]
    assert {(entry.device, entry.event_time_us) for entry in found} == {("0101010101010101", NOW_US + 558_804)}


def test_an_uplink_of_the_things_stack_reads_the_same() -> None:
    found = readings(THINGS_STACK)
    assert [entry.value for entry in found] == [27.2, 25.5, -35.0, 5.2]
    assert {(entry.device, entry.event_time_us) for entry in found} == {("0004a30b001c0530", NOW_US + 558_804)}


def test_without_a_time_the_receipt_counts() -> None:
    assert {entry.event_time_us for entry in readings({**CHIRPSTACK, "time": None})} == {NOW_US}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "not_an_uplink"),
        ({}, "not_an_uplink"),
        ({**CHIRPSTACK, "data": ""}, "no_payload"),
        ({**CHIRPSTACK, "data": "%%%"}, "not_an_uplink"),
        ({**CHIRPSTACK, "deviceInfo": {}}, "no_device"),
        ({**CHIRPSTACK, "deviceInfo": {"devEui": "<script>"}}, "bad_device"),
        ({**CHIRPSTACK, "time": "yesterday"}, "bad_time"),
        ({**CHIRPSTACK, "rxInfo": [{"rssi": 10**400}]}, "not_an_uplink"),
        ({**CHIRPSTACK, "fPort": "1"}, "not_an_uplink"),
        (b"[" * 100_000, "not_an_uplink"),
    ],
)
def test_bad_uplinks_are_refused_with_their_reason(content: object, reason: str) -> None:
    with pytest.raises(DecodeError) as refused:
        readings(content)
    assert refused.value.reason == reason
