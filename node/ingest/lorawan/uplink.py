"""Uplinks as network servers publish them over MQTT: ChirpStack v4 (`event/up`) and The Things Stack v3 (`up`), both JSON.

The device is its DevEUI in small letters; the best gateway's signal becomes `rssi` and `snr`. Refuses a message without payload bytes.
Made by node/ingest/profile_files/build.py as a profile's reader. Sources: ChirpStack documentation, "Events"; The Things Stack
documentation, "Data formats", uplink messages.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

import msgspec

from node.ingest.errors import DecodeError
from node.ingest.fields import checked_name, checked_number, event_time
from node.ingest.lorawan.payload import Decoder, Value, payload_values
from node.ingest.profiles import Profile
from node.ingest.sink import Reading

RSSI_UNIT, SNR_UNIT = "dB{mW}", "dB"
"""UCUM has no decibel over a milliwatt; its annotation says so and changes nothing."""
GATEWAYS_MAX = 256
"""Gateways of one uplink that are looked at."""


class _DeviceInfo(msgspec.Struct, gc=False):
    dev_eui: str = msgspec.field(name="devEui", default="")


class _RxInfo(msgspec.Struct, gc=False):
    rssi: float | None = None
    snr: float | None = None


class _Ids(msgspec.Struct, gc=False):
    dev_eui: str = ""
    device_id: str = ""


class _Message(msgspec.Struct, gc=False):
    f_port: int = 0
    frm_payload: str = ""
    rx_metadata: list[_RxInfo] = []
    received_at: str | None = None


class _Envelope(msgspec.Struct, gc=False):
    """The keys of both servers; each sends its own."""

    device_info: _DeviceInfo | None = msgspec.field(name="deviceInfo", default=None)
    time: str | None = None
    f_port: int = msgspec.field(name="fPort", default=0)
    data: str = ""
    rx_info: list[_RxInfo] = msgspec.field(name="rxInfo", default_factory=list)
    end_device_ids: _Ids | None = None
    received_at: str | None = None
    uplink_message: _Message | None = None


_ENVELOPE = msgspec.json.Decoder(_Envelope)


@dataclass(frozen=True, slots=True)
class Uplink:
    """One message of a device, whoever's network brought it."""

    device: str
    time: str | None
    """ISO 8601 as the server wrote it."""
    port: int
    payload: str
    """Base64."""
    gateways: list[_RxInfo]


@dataclass(frozen=True, slots=True)
class UplinkReader:
    """Reads uplinks by a decoder."""

    decoder: Decoder

    def readings(self, profile: Profile, topic: str, payload: bytes, received_us: int) -> list[Reading]:
        """The readings of one uplink; raises DecodeError."""
        uplink = parse(payload)
        device = checked_name(uplink.device.lower(), what="device")
        time_us = event_time(
            _microseconds(uplink.time), unit=profile.time_unit, utc_offset_minutes=profile.utc_offset_minutes, received_us=received_us
        )
        found = payload_values(self.decoder, _bytes(uplink.payload), uplink.port)
        if not found:
            raise DecodeError("nothing_mapped", f"port {uplink.port}: nothing of the payload is declared in profile {profile.name}")
        return [Reading(time_us, profile.territory, profile.grade, device, *value) for value in [*found, *_signal(uplink.gateways)]]


def parse(payload: bytes) -> Uplink:
    """The uplink in a network server's message; raises DecodeError."""
    try:
        envelope = _ENVELOPE.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError("not_an_uplink", str(error)) from None
    message, ids = envelope.uplink_message, envelope.end_device_ids
    if message is not None and ids is not None:
        time = message.received_at or envelope.received_at
        return Uplink(ids.dev_eui or ids.device_id, time, message.f_port, message.frm_payload, message.rx_metadata)
    if envelope.device_info is not None:
        return Uplink(envelope.device_info.dev_eui, envelope.time, envelope.f_port, envelope.data, envelope.rx_info)
    raise DecodeError(
        "not_an_uplink", "neither deviceInfo (ChirpStack v4) nor end_device_ids and uplink_message (The Things Stack v3) in it"
    )


def _bytes(text: str) -> bytes:
    if not text:
        raise DecodeError("no_payload", "the uplink carries no payload bytes (data or frm_payload)")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise DecodeError("not_an_uplink", "the payload is not base64") from None


def _microseconds(time: str | None) -> str | None:
    """`time` with its nanoseconds cut to microseconds, which is what ISO 8601 is read with here."""
    if time is None or "." not in time:
        return time
    whole, _, rest = time.partition(".")
    digits = len(rest) - len(rest.lstrip("0123456789"))
    return f"{whole}.{rest[: min(digits, 6)]}{rest[digits:]}"


def _signal(gateways: list[_RxInfo]) -> list[Value]:
    heard = [gateway for gateway in gateways[:GATEWAYS_MAX] if gateway.rssi is not None]
    if not heard:
        return []
    best = max(heard, key=lambda gateway: gateway.rssi or 0.0)
    values = [Value("rssi", checked_number(best.rssi or 0.0), None, RSSI_UNIT)]
    if best.snr is not None:
        values.append(Value("snr", checked_number(best.snr), None, SNR_UNIT))
    return values
