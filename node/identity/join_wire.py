"""The join service's messages: one request line and one answer line of JSON per TLS connection, capped before they are parsed."""

from __future__ import annotations

import asyncio

import msgspec

from node.identity.errors import JoinError
from node.untrusted import UNREADABLE

LINE_BYTES_MAX = 64 << 10
EXCHANGE_TIMEOUT_S = 10.0
"""Time for the TLS handshake, and again for one question and its answer."""


class AskChain(msgspec.Struct, frozen=True, tag_field="op", tag="ca"):
    """Who are you: answered with Chain, before anything is pinned."""


class AskJoin(msgspec.Struct, frozen=True, tag_field="op", tag="join"):
    """Admit me: answered with Issued, Pending or Refused."""

    token_id: str
    proof: str
    csr: str


class AskPoll(msgspec.Struct, frozen=True, tag_field="op", tag="poll"):
    """Am I admitted by now: answered with Issued, Pending or Refused."""

    node: str
    fingerprint: str


class AskRenew(msgspec.Struct, frozen=True, tag_field="op", tag="renew"):
    """A later certificate for the same key; the request's own signature proves the key. Answered with Issued or Refused."""

    csr: str
    chain: str = ""
    """The present chain, leaf first: by it a parent knows a child that somebody else certified and an order put below it."""


class AskTime(msgspec.Struct, frozen=True, tag_field="op", tag="time"):
    """What time is it: answered with SignedTime over the nonce."""

    nonce: bytes


class Chain(msgspec.Struct, frozen=True, tag_field="is", tag="chain"):
    """The parent's chain, leaf first, root last."""

    chain: str


class Issued(msgspec.Struct, frozen=True, tag_field="is", tag="issued"):
    """The child's CA certificate and those above it without the root, and where links are opened."""

    chain: str
    link_address: str


class Pending(msgspec.Struct, frozen=True, tag_field="is", tag="pending"):
    """An operator must accept; both screens show the fingerprint."""

    fingerprint: str


class Refused(msgspec.Struct, frozen=True, tag_field="is", tag="refused"):
    """No; `refusal` is a value of errors.Refusal."""

    refusal: str
    text: str


class SignedTime(msgspec.Struct, frozen=True, tag_field="is", tag="time"):
    """Microseconds since 1970 UTC, signed with the parent's manifest key over `time_bytes`."""

    time_us: int
    signature: bytes


Ask = AskChain | AskJoin | AskPoll | AskRenew | AskTime
Answer = Chain | Issued | Pending | Refused | SignedTime

_ASK: msgspec.json.Decoder[Ask] = msgspec.json.Decoder(Ask)
_ANSWER: msgspec.json.Decoder[Answer] = msgspec.json.Decoder(Answer)


def time_bytes(nonce: bytes, time_us: int) -> bytes:
    """What a time signature covers."""
    return b"yunnao-time-1" + len(nonce).to_bytes(4, "big") + nonce + time_us.to_bytes(8, "big")


def encode_line(message: Ask | Answer) -> bytes:
    """One message as a line."""
    return msgspec.json.encode(message) + b"\n"


def decode_ask(line: bytes) -> Ask:
    """The request in `line`; raises JoinError."""
    try:
        return _ASK.decode(line)
    except UNREADABLE as error:
        raise JoinError(f"the line is not a join request ({error})") from error


def decode_answer(line: bytes) -> Answer:
    """The answer in `line`; raises JoinError."""
    try:
        return _ANSWER.decode(line)
    except UNREADABLE as error:
        raise JoinError(f"the line is not a join answer ({error}): is that the join address of a node?") from error


async def read_line(reader: asyncio.StreamReader) -> bytes:
    """One line of at most LINE_BYTES_MAX within EXCHANGE_TIMEOUT_S; raises JoinError."""
    try:
        async with asyncio.timeout(EXCHANGE_TIMEOUT_S):
            return await reader.readuntil(b"\n")
    except asyncio.LimitOverrunError:
        raise JoinError(f"a line over {LINE_BYTES_MAX} bytes was refused") from None
    except asyncio.IncompleteReadError as error:
        raise JoinError(f"the connection closed after {len(error.partial)} bytes of a line") from error
    except TimeoutError:
        raise JoinError(f"no whole line came within {EXCHANGE_TIMEOUT_S:g} s") from None
