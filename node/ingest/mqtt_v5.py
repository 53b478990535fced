"""MQTT 5 as the door speaks it, by the `mqtt5` library. The only importer of that library.

The CONNACK declares what is off: QoS 2, retain, wildcard and shared subscriptions, subscription ids, topic aliases.
"""

from __future__ import annotations

import mqtt5

from node.ingest.errors import PacketError
from node.ingest.mqtt5_text import check_packet
from node.ingest.packets import (
    CLIENT_ID_BYTES_MAX,
    PACKET_BYTES_MAX,
    Connect,
    Disconnect,
    Goodbye,
    Packet,
    PingRequest,
    Publish,
    Refusal,
    Subscribe,
    Unsubscribe,
    checked_topic,
    frame,
)
from node.ingest.sink import Verdict

RECEIVE_MAX = 4_096
"""PUBLISH packets a client may have unacknowledged; the door stops reading from a client, of either version, that has more."""

_PLAIN_HEADS = frozenset({0x30, 0x31, 0x32, 0x33, 0x3A, 0x3B})
"""First bytes of a PUBLISH at QoS 0 and 1, with every mix of RETAIN and, at QoS 1, DUP."""

_REFUSALS = {
    Refusal.VERSION: mqtt5.ConnAckReasonCode.UNSUPPORTED_PROTOCOL_VERSION,
    Refusal.CLIENT_ID: mqtt5.ConnAckReasonCode.CLIENT_ID_NOT_VALID,
    Refusal.CREDENTIALS: mqtt5.ConnAckReasonCode.BAD_USER_NAME_OR_PASSWORD,
    Refusal.BUSY: mqtt5.ConnAckReasonCode.SERVER_BUSY,
}
_GOODBYES = {
    Goodbye.TAKEN_OVER: mqtt5.DisconnectReasonCode.SESSION_TAKEN_OVER,
    Goodbye.KEEP_ALIVE: mqtt5.DisconnectReasonCode.KEEP_ALIVE_TIMEOUT,
    Goodbye.SHUTTING_DOWN: mqtt5.DisconnectReasonCode.SERVER_SHUTTING_DOWN,
    Goodbye.QOS: mqtt5.DisconnectReasonCode.QOS_NOT_SUPPORTED,
    Goodbye.MALFORMED: mqtt5.DisconnectReasonCode.MALFORMED_PACKET,
    Goodbye.PROTOCOL: mqtt5.DisconnectReasonCode.PROTOCOL_ERROR,
    Goodbye.TOO_LARGE: mqtt5.DisconnectReasonCode.PACKET_TOO_LARGE,
    Goodbye.TOPIC: mqtt5.DisconnectReasonCode.TOPIC_NAME_INVALID,
    Goodbye.NOT_ADMITTED: mqtt5.DisconnectReasonCode.NOT_AUTHORIZED,
    Goodbye.TOPIC_ALIAS: mqtt5.DisconnectReasonCode.TOPIC_ALIAS_INVALID,
}
_VERDICTS = {
    Verdict.UNDECODABLE: mqtt5.PubAckReasonCode.PAYLOAD_FORMAT_INVALID,
    Verdict.NO_ROUTE: mqtt5.PubAckReasonCode.TOPIC_NAME_INVALID,
    Verdict.NOT_ADMITTED: mqtt5.PubAckReasonCode.NOT_AUTHORIZED,
}


class Mqtt5:
    """The codec of MQTT 5. It keeps no state."""

    def read(self, buffer: bytes | bytearray, packets: list[Packet]) -> int:
        """Append every whole packet of `buffer`; see Codec."""
        position, size = 0, len(buffer)
        while size - position >= 2:
            length = buffer[position + 1]
            start = position + 2
            end = start + length
            if length & 0x80:
                bounds = frame(buffer, position)
                if bounds is None:
                    break
                start, end = bounds
            elif end > size:
                break
            packet = _read_plain_publish(buffer, position, start, end)
            packets.append(packet or _translate(_read_one(bytes(buffer[position:end]), start - position)))
            position = end
        return position

    def accepted(self, *, assigned_client_id: str | None) -> bytes:
        """CONNACK: accepted, with everything the door has not."""
        return mqtt5.ConnAckPacket(
            assigned_client_id=assigned_client_id,
            session_expiry_interval=0,
            receive_max=RECEIVE_MAX,
            max_packet_size=PACKET_BYTES_MAX,
            max_qos=mqtt5.QoS.AT_LEAST_ONCE,
            retain_available=False,
            wildcard_subscription_available=False,
            subscription_id_available=False,
            shared_subscription_available=False,
        ).write()

    def refused(self, refusal: Refusal) -> bytes:
        """CONNACK with a reason code."""
        return mqtt5.ConnAckPacket(reason_code=_REFUSALS[refusal]).write()

    def puback(self, packet_id: int, verdict: Verdict | None) -> bytes:
        """PUBACK; the reason code says why nothing was stored."""
        if verdict is None:
            return b"\x40\x02" + packet_id.to_bytes(2, "big")
        return mqtt5.PubAckPacket(packet_id, reason_code=_VERDICTS[verdict]).write()

    def suback(self, packet: Subscribe) -> bytes:
        """SUBACK that authorises nothing."""
        return mqtt5.SubAckPacket(packet.packet_id, [mqtt5.SubAckReasonCode.NOT_AUTHORIZED] * packet.filters).write()

    def unsuback(self, packet: Unsubscribe) -> bytes:
        """UNSUBACK: there was no subscription."""
        return mqtt5.UnsubAckPacket(packet.packet_id, [mqtt5.UnsubAckReasonCode.NO_SUBSCRIPTION_EXISTED] * packet.filters).write()

    def pong(self) -> bytes:
        """PINGRESP."""
        return b"\xd0\x00"

    def goodbye(self, reason: Goodbye) -> bytes:
        """DISCONNECT with a reason code."""
        return mqtt5.DisconnectPacket(reason_code=_GOODBYES[reason]).write()


def _read_plain_publish(buffer: bytes | bytearray, position: int, start: int, end: int) -> Publish | None:
    # The hot path: a PUBLISH at QoS 0 or 1 without properties needs no library; None for everything else.
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
    return Publish(checked_topic(bytes(buffer[text:topic_end])), bytes(buffer[properties + 1 : end]), head >> 1 & 1, packet_id)


def _read_one(piece: bytes, header_bytes: int) -> mqtt5.Packet:
    check_packet(piece[0], piece[header_bytes:])
    try:
        packet, consumed = mqtt5.read(memoryview(piece))
    except (ValueError, IndexError) as error:
        raise PacketError("malformed_packet", str(error)) from None
    if consumed != len(piece):
        raise PacketError("malformed_packet", "a packet longer than its fields")
    return packet


def _translate(packet: mqtt5.Packet) -> Packet:
    if isinstance(packet, mqtt5.PublishPacket):
        if packet.topic_alias is not None:
            raise PacketError("topic_alias", "topic aliases are not available")
        if packet.packet_id == 0:
            raise PacketError("malformed_packet", "PUBLISH with packet id 0")
        return Publish(checked_topic(packet.topic.encode()), packet.payload, packet.qos.value, packet.packet_id or 0)
    if isinstance(packet, mqtt5.PingReqPacket):
        return PingRequest()
    if isinstance(packet, mqtt5.ConnectPacket):
        if len(packet.client_id.encode()) > CLIENT_ID_BYTES_MAX:
            raise PacketError("bad_client_id", f"a client id of more than {CLIENT_ID_BYTES_MAX} bytes")
        wants_authentication = packet.authentication_method is not None
        return Connect(packet.client_id, packet.keep_alive, packet.clean_start, packet.username, packet.password, wants_authentication)
    if isinstance(packet, mqtt5.SubscribePacket):
        return Subscribe(packet.packet_id, len(packet.topic_filters))
    if isinstance(packet, mqtt5.UnsubscribePacket):
        return Unsubscribe(packet.packet_id, len(packet.patterns))
    if isinstance(packet, mqtt5.DisconnectPacket):
        return Disconnect()
    raise PacketError("protocol_error", f"{type(packet).__name__} is not for this server")
