"""MQTT 5 as the door speaks it, by the `mqtt5` library. The only importer of that library.

The CONNACK declares what is off: shared subscriptions, subscription ids and, outside the open profile of tests, retained messages.
"""

from __future__ import annotations

from collections.abc import Sequence

import mqtt5

from node.ingest.errors import PacketError
from node.ingest.mqtt.mqtt5_text import check_packet
from node.ingest.mqtt.packets import (
    CLIENT_ID_BYTES_MAX,
    PACKET_BYTES_MAX,
    PACKETS_MAX,
    TOPIC_BYTES_MAX,
    Accepted,
    Ack,
    AckKind,
    Connect,
    Delivery,
    Disconnect,
    Filter,
    Goodbye,
    Granted,
    Packet,
    PingRequest,
    Properties,
    Publish,
    Refusal,
    Subscribe,
    Unsubscribe,
    Will,
    checked_topic,
    read_packets,
)
from node.ingest.sink import Verdict

RECEIVE_MAX = 4_096
"""PUBLISH packets a client may have unacknowledged; the door stops reading from a client, of either version, that has more."""
TOPIC_ALIASES_MAX = 32
"""Topic aliases of one connection."""
USER_PROPERTIES_MAX = 32
"""User properties of one packet."""

_PLAIN_HEADS = frozenset({0x30, 0x31, 0x32, 0x33, 0x3A, 0x3B})
"""First bytes of a PUBLISH at QoS 0 and 1, with every mix of RETAIN and, at QoS 1, DUP."""

_REFUSALS = {
    Refusal.VERSION: mqtt5.ConnAckReasonCode.UNSUPPORTED_PROTOCOL_VERSION,
    Refusal.CLIENT_ID: mqtt5.ConnAckReasonCode.CLIENT_ID_NOT_VALID,
    Refusal.CREDENTIALS: mqtt5.ConnAckReasonCode.BAD_USER_NAME_OR_PASSWORD,
    Refusal.METHOD: mqtt5.ConnAckReasonCode.BAD_AUTHENTICATION_METHOD,
    Refusal.NOT_PERMITTED: mqtt5.ConnAckReasonCode.NOT_AUTHORIZED,
    Refusal.RETAIN: mqtt5.ConnAckReasonCode.RETAIN_NOT_SUPPORTED,
    Refusal.QUOTA: mqtt5.ConnAckReasonCode.QUOTA_EXCEEDED,
    Refusal.BUSY: mqtt5.ConnAckReasonCode.SERVER_BUSY,
}
_GOODBYES = {
    Goodbye.TAKEN_OVER: mqtt5.DisconnectReasonCode.SESSION_TAKEN_OVER,
    Goodbye.KEEP_ALIVE: mqtt5.DisconnectReasonCode.KEEP_ALIVE_TIMEOUT,
    Goodbye.SHUTTING_DOWN: mqtt5.DisconnectReasonCode.SERVER_SHUTTING_DOWN,
    Goodbye.MALFORMED: mqtt5.DisconnectReasonCode.MALFORMED_PACKET,
    Goodbye.PROTOCOL: mqtt5.DisconnectReasonCode.PROTOCOL_ERROR,
    Goodbye.TOO_LARGE: mqtt5.DisconnectReasonCode.PACKET_TOO_LARGE,
    Goodbye.SLOW: mqtt5.DisconnectReasonCode.KEEP_ALIVE_TIMEOUT,
    Goodbye.TOPIC: mqtt5.DisconnectReasonCode.TOPIC_NAME_INVALID,
    Goodbye.RECEIVE_MAX: mqtt5.DisconnectReasonCode.RECEIVE_MAX_EXCEEDED,
    Goodbye.SUBSCRIPTION_IDS: mqtt5.DisconnectReasonCode.SUBSCRIPTION_IDS_NOT_SUPPORTED,
    Goodbye.QUOTA: mqtt5.DisconnectReasonCode.QUOTA_EXCEEDED,
    Goodbye.NOT_ADMITTED: mqtt5.DisconnectReasonCode.NOT_AUTHORIZED,
    Goodbye.TOPIC_ALIAS: mqtt5.DisconnectReasonCode.TOPIC_ALIAS_INVALID,
}
_VERDICTS = {
    Verdict.UNDECODABLE: (mqtt5.PubAckReasonCode.PAYLOAD_FORMAT_INVALID, "not decodable"),
    Verdict.NO_ROUTE: (mqtt5.PubAckReasonCode.TOPIC_NAME_INVALID, "no profile for the topic"),
    Verdict.NOT_ADMITTED: (mqtt5.PubAckReasonCode.NOT_AUTHORIZED, "not admitted, or not permitted here"),
    Verdict.EXPIRED: (mqtt5.PubAckReasonCode.IMPLEMENTATION_SPECIFIC_ERROR, "expired before it was taken"),
    Verdict.NO_ROOM: (mqtt5.PubAckReasonCode.QUOTA_EXCEEDED, "no room for more packet ids"),
}
_HEADS = {kind: bytes((kind.value, 2)) for kind in AckKind}


class Mqtt5:
    """The codec of MQTT 5. It keeps no state."""

    def read(self, buffer: bytes | bytearray, packets: list[Packet], most: int = PACKETS_MAX, *, position: int = 0) -> int:
        """Append whole packets of `buffer`; see Codec."""
        return read_packets(buffer, packets, most, _read_packet, position=position, properties_bytes=1)

    def accepted(self, facts: Accepted) -> bytes:
        """CONNACK: accepted, with everything the door has not."""
        return mqtt5.ConnAckPacket(
            session_present=facts.session_present,
            assigned_client_id=facts.assigned_client_id,
            session_expiry_interval=facts.session_expiry_s,
            server_keep_alive=facts.keep_alive_s,
            receive_max=RECEIVE_MAX,
            max_packet_size=PACKET_BYTES_MAX,
            topic_alias_max=TOPIC_ALIASES_MAX,
            retain_available=facts.is_open,
            subscription_id_available=False,
            shared_subscription_available=False,
        ).write()

    def refused(self, refusal: Refusal) -> bytes:
        """CONNACK with a reason code."""
        return mqtt5.ConnAckPacket(reason_code=_REFUSALS[refusal], reason_str=refusal.value).write()

    def ack(self, kind: AckKind, packet_id: int, verdict: Verdict | None = None) -> bytes:
        """An acknowledgement; the reason code says why nothing was stored."""
        if verdict is None:
            return _HEADS[kind] + packet_id.to_bytes(2, "big")
        if kind is AckKind.PUBCOMP:
            return mqtt5.PubCompPacket(packet_id, reason_code=mqtt5.PubCompReasonCode.PACKET_ID_NOT_FOUND).write()
        if kind is AckKind.PUBREL:
            return mqtt5.PubRelPacket(packet_id, reason_code=mqtt5.PubRelReasonCode.PACKET_ID_NOT_FOUND).write()
        code, why = _VERDICTS[verdict]
        if kind is AckKind.PUBACK:
            return mqtt5.PubAckPacket(packet_id, reason_code=code, reason_str=why).write()
        return mqtt5.PubRecPacket(packet_id, reason_code=mqtt5.PubRecReasonCode(code.value), reason_str=why).write()

    def suback(self, packet_id: int, granted: Sequence[Granted]) -> bytes:
        """SUBACK with a reason code for every filter."""
        return mqtt5.SubAckPacket(packet_id, [mqtt5.SubAckReasonCode(grant.value) for grant in granted]).write()

    def unsuback(self, packet_id: int, were_there: Sequence[bool]) -> bytes:
        """UNSUBACK that says which subscriptions were there."""
        gone, never = mqtt5.UnsubAckReasonCode.SUCCESS, mqtt5.UnsubAckReasonCode.NO_SUBSCRIPTION_EXISTED
        return mqtt5.UnsubAckPacket(packet_id, [gone if was_there else never for was_there in were_there]).write()

    def publish(self, delivery: Delivery, packet_id: int, *, is_resent: bool, expiry_s: int | None, alias: int | None) -> bytes:
        """PUBLISH to a client, with the properties it came with."""
        carried = delivery.properties or _NOTHING
        return mqtt5.PublishPacket(
            delivery.topic,
            delivery.payload,
            qos=mqtt5.QoS(delivery.qos),
            retain=delivery.is_retained,
            packet_id=packet_id or None,
            duplicate=is_resent,
            payload_format_indicator=carried.payload_format,
            message_expiry_interval=expiry_s,
            content_type=carried.content_type,
            response_topic=carried.response_topic,
            correlation_data=carried.correlation,
            topic_alias=alias,
            user_properties=list(carried.user),
        ).write()

    def goodbye(self, reason: Goodbye) -> bytes:
        """DISCONNECT with a reason code."""
        return mqtt5.DisconnectPacket(reason_code=_GOODBYES[reason], reason_str=reason.value).write()


_NOTHING = Properties()


def _read_packet(buffer: bytes, position: int, start: int, end: int) -> Packet:
    plain = _read_plain_publish(buffer, position, start, end)
    return plain or _translate(_read_one(buffer[position:end], start - position), buffer[position])


def _read_plain_publish(buffer: bytes, position: int, start: int, end: int) -> Publish | None:
    # A PUBLISH at QoS 0 or 1 without properties needs no library; None for everything else.
    head = buffer[position]
    if head not in _PLAIN_HEADS or end < start + 2:
        return None
    text = start + 2
    topic_end = text + (buffer[start] << 8 | buffer[start + 1])
    properties = topic_end + 2 if head & 2 else topic_end
    if properties >= end or buffer[properties]:
        return None
    packet_id = buffer[topic_end] << 8 | buffer[topic_end + 1] if head & 2 else 0
    if head & 2 and not packet_id:
        return None
    return Publish(checked_topic(buffer[text:topic_end]), buffer[properties + 1 : end], head >> 1 & 1, packet_id, head)


def _read_one(piece: bytes, header_bytes: int) -> mqtt5.Packet:
    check_packet(piece[0], piece[header_bytes:])
    try:
        packet, consumed = mqtt5.read(memoryview(piece))
    except (ValueError, IndexError) as error:
        raise PacketError("malformed_packet", str(error)) from None
    if consumed != len(piece):
        raise PacketError("malformed_packet", "a packet longer than its fields")
    return packet


def _translate(packet: mqtt5.Packet, head: int) -> Packet:
    if isinstance(packet, mqtt5.PublishPacket):
        return _publish(packet, head)
    if isinstance(packet, mqtt5.PingReqPacket):
        return PingRequest()
    if isinstance(packet, mqtt5.ConnectPacket):
        return _connect(packet)
    if isinstance(packet, mqtt5.SubscribePacket):
        filters = tuple(_filter(each) for each in packet.topic_filters)
        return Subscribe(_checked_id(packet.packet_id), filters, has_id=packet.subscription_id is not None)
    if isinstance(packet, mqtt5.UnsubscribePacket):
        return Unsubscribe(_checked_id(packet.packet_id), tuple(packet.patterns))
    if isinstance(packet, mqtt5.DisconnectPacket):
        return _disconnect(packet)
    if isinstance(packet, mqtt5.PubAckPacket | mqtt5.PubRecPacket | mqtt5.PubRelPacket | mqtt5.PubCompPacket):
        return Ack(AckKind(head), packet.packet_id, is_refusal=packet.reason_code.value >= 0x80)
    raise PacketError("protocol_error", f"{type(packet).__name__} is not for this server")


def _checked_id(packet_id: int) -> int:
    if not packet_id:
        raise PacketError("malformed_packet", "packet id 0")
    return packet_id


def _publish(packet: mqtt5.PublishPacket, head: int) -> Publish:
    if packet.packet_id == 0:
        raise PacketError("malformed_packet", "PUBLISH with packet id 0")
    if packet.topic_alias is not None and not 0 < packet.topic_alias <= TOPIC_ALIASES_MAX:
        raise PacketError("topic_alias", f"topic alias {packet.topic_alias}; 1 to {TOPIC_ALIASES_MAX}")
    if packet.subscription_ids:
        raise PacketError("protocol_error", "a PUBLISH to the server with a subscription identifier")
    topic = checked_topic(packet.topic.encode()) if packet.topic or packet.topic_alias is None else ""
    properties = Properties(
        packet.message_expiry_interval,
        packet.topic_alias,
        packet.payload_format_indicator,
        packet.content_type,
        packet.response_topic,
        packet.correlation_data,
        _user(packet.user_properties),
    )
    return Publish(topic, packet.payload, packet.qos.value, packet.packet_id or 0, head, None if properties == _NOTHING else properties)


def _user(pairs: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    if len(pairs) > USER_PROPERTIES_MAX:
        raise PacketError("protocol_error", f"{len(pairs)} user properties in a packet; at most {USER_PROPERTIES_MAX}")
    return tuple(pairs)


def _connect(packet: mqtt5.ConnectPacket) -> Connect:
    if len(packet.client_id.encode()) > CLIENT_ID_BYTES_MAX:
        raise PacketError("bad_client_id", f"a client id of more than {CLIENT_ID_BYTES_MAX} bytes")
    if packet.receive_max == 0 or packet.max_packet_size == 0:
        raise PacketError("protocol_error", "CONNECT with a receive maximum or a maximum packet size of 0")
    return Connect(
        packet.client_id,
        packet.keep_alive,
        packet.clean_start,
        packet.username,
        packet.password,
        packet.authentication_method is not None,
        None if packet.will is None else _will(packet.will),
        packet.session_expiry_interval,
        packet.receive_max,
        packet.max_packet_size,
        packet.topic_alias_max,
    )


def _will(will: mqtt5.Will) -> Will:
    carried = Properties(
        will.message_expiry_interval,
        None,
        will.payload_format_indicator,
        will.content_type,
        will.response_topic,
        will.correlation_data,
        _user(will.user_properties),
    )
    topic = checked_topic(will.topic.encode())
    return Will(topic, will.payload or b"", will.qos.value, will.retain, will.will_delay_interval, None if carried == _NOTHING else carried)


def _filter(wanted: mqtt5.TopicFilter) -> Filter:
    if not 0 < len(wanted.pattern.encode()) <= TOPIC_BYTES_MAX:
        raise PacketError("bad_topic", f"a topic filter of {len(wanted.pattern.encode())} bytes; 1 to {TOPIC_BYTES_MAX}")
    return Filter(wanted.pattern, wanted.max_qos.value, wanted.no_local, wanted.retain_as_published, wanted.retain_handling.value)


def _disconnect(packet: mqtt5.DisconnectPacket) -> Disconnect:
    is_normal = packet.reason_code is mqtt5.DisconnectReasonCode.NORMAL_DISCONNECTION
    return Disconnect(with_will=not is_normal, session_expiry_s=packet.session_expiry_interval)
