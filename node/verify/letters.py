"""The two letters of a question about a supplied value: each sealed to the other node's certified key and signed by its writer.

Owns their layout. Every plain text is padded to whole blocks, so that neither the value asked about nor the answer shows in a letter's
length; nodes between see who asks whom, and nothing else. The encryption and the proof of the signer are those of the requests' papers
(node/requests/envelope.py). Refuses what does not parse, what is for another node, and an answer to another question. Called by asking.py
and telling.py.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec import Meta

from node.carriage.stream import POINT_BYTES, point_of
from node.identity.errors import IdentityError
from node.identity.keys import new_tls_key
from node.identity.verify import verify_chain
from node.requests.envelope import (
    Paper,
    Seal,
    Signer,
    check_format,
    opened_body,
    parsed,
    sealed_body,
    sealing_key_in,
    signed_paper,
    signer_of,
)
from node.verify.errors import VerifyRefused
from policies.verifying import VALUE_CHARS_MAX, Answer

FORMAT = 1
NONCE_BYTES = 16
BLOCK_BYTES = 2_048
"""Plain texts are padded to multiples of this."""
LETTER_BYTES_MAX = 64 << 10
_LENGTH_BYTES = 4
_ASKING, _TELLING = b"yunnao-verify-1\x00", b"yunnao-answer-1\x00"

Word = Annotated[str, Meta(min_length=1, max_length=64)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Value = Annotated[str, Meta(min_length=1, max_length=VALUE_CHARS_MAX)]
Nonce = Annotated[bytes, Meta(min_length=NONCE_BYTES, max_length=NONCE_BYTES)]


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What only the provider reads."""

    resource: Name
    key: Name
    value: Value
    field: Name
    expected: Value
    purpose: Name
    by: Name
    """The person, as the asker knows them."""
    case_id: Annotated[str, Meta(max_length=64)] = ""
    """The granted request, where there is one."""


class Front(msgspec.Struct, frozen=True, kw_only=True):
    """What everybody on the way reads."""

    format: int = FORMAT
    sender: Word
    recipient: Word
    nonce: Nonce
    ephemeral: Annotated[bytes, Meta(min_length=POINT_BYTES, max_length=POINT_BYTES)]


def recipient_key(pem: bytes, node: str, seal: Seal) -> ec.EllipticCurvePublicKey:
    """The key to seal to `node` with, from the chain that it showed. Raises VerifyRefused, FetchRefused."""
    try:
        who = verify_chain(pem, root_pem=seal.root_pem(), now_us=seal.now_us())
    except IdentityError as error:
        raise VerifyRefused(f"what answered for {node} proves nobody: {error}") from None
    if who.node != node:
        raise VerifyRefused(f"what answered for {node} is {who.node}")
    return sealing_key_in(pem, who)


def ask_letter(asked: Asked, *, sender: str, recipient: str, nonce: bytes, target: ec.EllipticCurvePublicKey, seal: Seal) -> bytes:
    """A question, sealed and signed."""
    return _letter(_ASKING, msgspec.msgpack.encode(asked), (sender, recipient, nonce), target, seal)


def read_asked(data: bytes, *, me: str, seal: Seal) -> tuple[Asked, Front, Signer]:
    """A question for this node, and who signed it. Raises FetchRefused, VerifyRefused."""
    front, plain, signer = _opened(_ASKING, data, me, seal)
    return parsed(plain, Asked), front, signer


def answer_letter(answer: Answer, front: Front, target: ec.EllipticCurvePublicKey, seal: Seal) -> bytes:
    """The answer to the question behind `front`."""
    return _letter(_TELLING, bytes([FORMAT, answer]), (front.recipient, front.sender, front.nonce), target, seal)


def read_answer(data: bytes, *, me: str, provider: str, nonce: bytes, seal: Seal) -> Answer:
    """The answer of `provider` to this node's question. Raises FetchRefused, VerifyRefused."""
    front, plain, _ = _opened(_TELLING, data, me, seal)
    if (front.sender, front.nonce) != (provider, nonce):
        raise VerifyRefused(f"an answer of {front.sender} is none to what {provider} was asked")
    try:
        version, answer = plain
        check_format(version)
        return Answer(answer)
    except ValueError:
        raise VerifyRefused(f"the answer of {provider} is none that this program knows: update the older of the two nodes") from None


def _letter(label: bytes, plain: bytes, ends: tuple[str, str, bytes], target: ec.EllipticCurvePublicKey, seal: Seal) -> bytes:
    sender, recipient, nonce = ends
    ephemeral = new_tls_key()
    front = msgspec.msgpack.encode(Front(sender=sender, recipient=recipient, nonce=nonce, ephemeral=point_of(ephemeral.public_key())))
    return signed_paper(label, front, sealed_body(_padded(plain), front, ephemeral, target), seal)


def _opened(label: bytes, data: bytes, me: str, seal: Seal) -> tuple[Front, bytes, Signer]:
    if len(data) > LETTER_BYTES_MAX:
        raise VerifyRefused(f"a letter of {len(data)} bytes refused: at most {LETTER_BYTES_MAX}")
    paper = parsed(data, Paper)
    front = parsed(paper.front, Front)
    check_format(front.format)
    signer = signer_of(label, paper, seal)
    if signer.who.node != front.sender:
        raise VerifyRefused(f"a letter of {front.sender} was signed by {signer.who.node}")
    if front.recipient != me:
        raise VerifyRefused(f"a letter for {front.recipient} came to {me}")
    return front, _unpadded(opened_body(paper, front.ephemeral, signer.who, seal), front.sender), signer


def _padded(plain: bytes) -> bytes:
    whole = len(plain).to_bytes(_LENGTH_BYTES, "big") + plain
    return whole + bytes(-len(whole) % BLOCK_BYTES)


def _unpadded(padded: bytes, sender: str) -> bytes:
    length = int.from_bytes(padded[:_LENGTH_BYTES], "big")
    if length > len(padded) - _LENGTH_BYTES:
        raise VerifyRefused(f"a letter of {sender} says {length} bytes and has {max(0, len(padded) - _LENGTH_BYTES)}")
    return padded[_LENGTH_BYTES : _LENGTH_BYTES + length]
