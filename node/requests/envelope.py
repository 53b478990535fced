"""The two papers of a fetch: the asker's signed question, and the provider's page, sealed to the asker's certified key and signed.

Owns their layout, and the proof of who wrote each by its certificate chain up to the pinned root: nodes between pass both on, and can read
only the question. The encryption is the one of parcels (node/carriage/stream.py), bound to the page's front. Refuses what does not parse,
what somebody else signed, and a page that answers another question. Called by giving.py and taking.py.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Protocol, TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Meta

from node.carriage.stream import POINT_BYTES, BodyDamaged, ChunkWriter, opening_key, point_of, read_chunks, sealing_key
from node.identity.errors import IdentityError
from node.identity.keys import new_tls_key
from node.identity.verify import CHAIN_BYTES_MAX, PeerIdentity, load_chain, verify_chain
from node.requests.errors import FetchRefused
from node.untrusted import UNREADABLE

FORMAT = 1
NONCE_BYTES = 16
COLUMNS_MAX = 256
PAYLOAD_BYTES_MAX = 12 << 20
_ASKING, _GIVING = b"yunnao-fetch-1\x00", b"yunnao-page-1\x00"
"""What signatures begin with, so that none of one paper is one of another."""

Word = Annotated[str, Meta(min_length=1, max_length=64)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Text = Annotated[str, Meta(max_length=200)]
Pem = Annotated[str, Meta(max_length=CHAIN_BYTES_MAX)]
Number = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
Counts = Annotated[dict[Word, Number], Meta(max_length=COLUMNS_MAX)]
Nonce = Annotated[bytes, Meta(min_length=NONCE_BYTES, max_length=NONCE_BYTES)]


class Cursor(msgspec.Struct, frozen=True):
    """How far a fetch came in the provider's journal."""

    after_lsn: Number = 0
    """The newest batch that was read whole."""
    skip_rows: Number = 0
    """Rows read of the one behind it."""
    upto_lsn: Number = 0
    """Where the fetch ends, fixed by its first page; 0 in the first question."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What the asker wants next."""

    format: int = FORMAT
    case_id: Word
    provider: Word
    asker: Word
    by: Annotated[str, Meta(min_length=1, max_length=200)]
    """The person, as the asker knows them."""
    nonce: Nonce
    cursor: Cursor


class PageBody(msgspec.Struct, frozen=True, kw_only=True):
    """What only the asker can read."""

    payload: Annotated[bytes, Meta(max_length=PAYLOAD_BYTES_MAX)]
    """Rows as an Arrow stream; empty when no row is on this page."""
    withheld: Counts
    """Rows withheld on this page, by class of reason."""
    masks: Annotated[dict[Name, Text], Meta(max_length=COLUMNS_MAX)] = {}
    """By column how values on this page are masked: `method:reason`."""
    following: Cursor
    is_last: bool


class _Front(msgspec.Struct, frozen=True, kw_only=True):
    format: int = FORMAT
    case_id: Word
    provider: Word
    asker: Word
    nonce: Nonce
    ephemeral: Annotated[bytes, Meta(min_length=POINT_BYTES, max_length=POINT_BYTES)]


class Paper(msgspec.Struct, frozen=True):
    """Both papers as they travel."""

    front: bytes
    body: bytes
    chain_pem: Pem
    signature: Annotated[bytes, Meta(max_length=64)]


@dataclass(frozen=True, slots=True)
class Seal:
    """This node as one who signs and opens; what is on disk is read anew, because certificates are renewed."""

    sign: Callable[[bytes], bytes]
    chain_pem: Callable[[], bytes]
    root_pem: Callable[[], bytes]
    tls_key: Callable[[], ec.EllipticCurvePrivateKey]
    now_us: Callable[[], int]


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed a paper, as the chain in it proves."""

    who: PeerIdentity
    key: ec.EllipticCurvePublicKey
    """Their certified key, to which a page is sealed."""


def ask_paper(question: Question, seal: Seal) -> bytes:
    """A question, signed."""
    return signed_paper(_ASKING, msgspec.msgpack.encode(question), b"", seal)


class Signed(Protocol):
    """What every question says of itself."""

    @property
    def format(self) -> int:
        """As FORMAT."""

    @property
    def asker(self) -> str:
        """The node that asks."""


class Asking(Protocol):
    """A question for something else than a page."""

    @property
    def question(self) -> Question:
        """As for a page."""


_Asked = TypeVar("_Asked", bound=Asking)


def read_question(data: bytes, seal: Seal) -> tuple[Question, Signer]:
    """A question and who signed it. Raises FetchRefused."""
    paper = parsed(data, Paper)
    question = parsed(paper.front, Question)
    return question, asker_of(_ASKING, paper, question, seal)


def read_asked(label: bytes, data: bytes, wanted: type[_Asked], seal: Seal) -> tuple[_Asked, Signer]:
    """A question for something else than a page, under a label of its own, and who signed it. Raises FetchRefused."""
    paper = parsed(data, Paper)
    asked = parsed(paper.front, wanted)
    return asked, asker_of(label, paper, asked.question, seal)


def asker_of(label: bytes, paper: Paper, question: Signed, seal: Seal) -> Signer:
    """Who signed `question`, which nobody does for another. Raises FetchRefused."""
    check_format(question.format)
    signer = signer_of(label, paper, seal)
    if signer.who.node != question.asker:
        raise FetchRefused(f"a question of {question.asker} was signed by {signer.who.node}")
    return signer


def page_paper(body: PageBody, question: Question, target: ec.EllipticCurvePublicKey, seal: Seal) -> bytes:
    """A page for `question`, sealed to `target` and signed."""
    ephemeral = new_tls_key()
    front = msgspec.msgpack.encode(
        _Front(
            case_id=question.case_id,
            provider=question.provider,
            asker=question.asker,
            nonce=question.nonce,
            ephemeral=point_of(ephemeral.public_key()),
        )
    )
    return signed_paper(_GIVING, front, sealed_body(msgspec.msgpack.encode(body), front, ephemeral, target), seal)


def read_page(data: bytes, question: Question, seal: Seal) -> tuple[PageBody, PeerIdentity]:
    """The page that answers `question`, and who signed it. Raises FetchRefused."""
    paper = parsed(data, Paper)
    front = parsed(paper.front, _Front)
    check_format(front.format)
    who = signer_of(_GIVING, paper, seal).who
    said = (front.case_id, front.provider, front.asker, front.nonce)
    if said != (question.case_id, question.provider, question.asker, question.nonce) or who.node != question.provider:
        raise FetchRefused(f"a page of {who.node} for {front.asker} about {front.case_id} is no answer to what was asked")
    return parsed(opened_body(paper, front.ephemeral, who, seal), PageBody), who


# ---- what every sealed paper between two nodes is made of (node/verify/letters.py too)

_T = TypeVar("_T")


def parsed(data: bytes, kind: type[_T]) -> _T:
    """A part of a paper, from bytes of anybody. Raises FetchRefused."""
    try:
        return msgspec.msgpack.decode(data, type=kind)
    except UNREADABLE as error:
        raise FetchRefused(f"a paper of a fetch does not parse: {error}") from None


def check_format(version: int) -> None:
    """Raise FetchRefused for a paper of another program's format."""
    if version != FORMAT:
        raise FetchRefused(f"a paper of format {version}, this program reads {FORMAT}: update the older of the two nodes")


def sealed_body(plain: bytes, front: bytes, ephemeral: ec.EllipticCurvePrivateKey, target: ec.EllipticCurvePublicKey) -> bytes:
    """A body that only the holder of `target` opens, bound to the front it travels with."""
    file = io.BytesIO()
    writer = ChunkWriter(file, sealing_key(ephemeral, target, hashlib.sha256(front).digest()))
    writer.write(plain)
    writer.close()
    return file.getvalue()


def opened_body(paper: Paper, ephemeral: bytes, who: PeerIdentity, seal: Seal) -> bytes:
    """The body of a paper of `who` that was sealed to this node. Raises FetchRefused."""
    try:
        key = opening_key(seal.tls_key(), ephemeral, hashlib.sha256(paper.front).digest())
        return b"".join(read_chunks(io.BytesIO(paper.body), key, len(paper.body)))
    except (BodyDamaged, ValueError):
        raise FetchRefused(f"a paper of {who.node} does not open with this node's key: was its certificate renewed? ask again") from None


def signed_paper(label: bytes, front: bytes, body: bytes, seal: Seal) -> bytes:
    """Front and body as they travel, signed by this node; `label` keeps a signature of one kind of paper from being one of another."""
    signature = seal.sign(_digest(label, front, body))
    return msgspec.msgpack.encode(Paper(front, body, seal.chain_pem().decode(), signature))


def _digest(label: bytes, front: bytes, body: bytes) -> bytes:
    return label + hashlib.sha256(front).digest() + hashlib.sha256(body).digest()


def signer_of(label: bytes, paper: Paper, seal: Seal) -> Signer:
    """Who signed a paper, by its certificate chain up to the pinned root. Raises FetchRefused."""
    pem = paper.chain_pem.encode()
    try:
        who = verify_chain(pem, root_pem=seal.root_pem(), now_us=seal.now_us())
    except IdentityError as error:
        raise FetchRefused(f"a paper of a fetch proves nobody: {error}") from None
    try:
        Ed25519PublicKey.from_public_bytes(who.manifest_key).verify(paper.signature, _digest(label, paper.front, paper.body))
    except InvalidSignature:
        raise FetchRefused(f"a paper of a fetch is not as {who.node} signed it") from None
    return Signer(who, sealing_key_in(pem, who))


def sealing_key_in(pem: bytes, who: PeerIdentity) -> ec.EllipticCurvePublicKey:
    """The key in a verified chain to which papers for its holder are sealed. Raises FetchRefused."""
    key = load_chain(pem)[0].public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise FetchRefused(f"the certificate of {who.node} has no P-256 key to seal to: let it renew its certificate")
    return key
