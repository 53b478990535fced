"""Joining and renewal where no connection is possible: a request file to the parent, an answer file back.

Owns: both files. The rules are those of the join service: a join request proves a token without carrying it, a renewal request is signed
by the key that was certified before. Neither file is secret, and neither is trusted: the answer is taken when its chain leads to the CA
that the token pinned (or, for a renewal, to the pinned root and the known parent) and certifies this node's own key. Refuses the rest,
files over the cap, and a certificate that ends before the present one. Called by the `join` and `admit` verbs and by node/carriage.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec
from cryptography.hazmat.primitives.serialization import Encoding

from node.files import write_durably
from node.identity.admissions import Admission, Admissions, JoinAsk, Stage
from node.identity.certificates import to_pem
from node.identity.errors import ChainError, ForeignCa, IdentityError, JoinError, JoinRefused, Refusal
from node.identity.facts import NodeFacts
from node.identity.files import IdentityFiles, write_file
from node.identity.fingerprint import fingerprint
from node.identity.renewal import Dates
from node.identity.token import JoinToken, prove
from node.identity.verify import PeerIdentity, check_same_node, load_chain, sha256_hex, verify_chain
from node.untrusted import UNREADABLE

FILE_FORMAT = 1
FILE_BYTES_MAX = 256 << 10
"""A request has about 1 KiB, an answer two certificate chains."""
PIN_NAME = "join.pin"
"""In the node's folder between request and answer: SHA-256 of the CA that the token names."""


class RequestFile(msgspec.Struct, frozen=True):
    """What a node asks its parent for. Without a token it asks for a later certificate for the same key."""

    yunnao_request: int
    """Format of the file."""
    csr: str
    token_id: str = ""
    proof: str = ""


class AnswerFile(msgspec.Struct, frozen=True):
    """What the parent issued."""

    yunnao_answer: int
    """Format of the file."""
    chain: str
    """The child's CA certificate and those above it, without the root."""
    parent_chain: str
    """The parent's own chain, leaf first, root last."""


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """An answer that was taken: the certificates are on disk."""

    node: str
    parent: PeerIdentity
    fingerprint: str


def write_request(path: Path, *, files: IdentityFiles, facts: NodeFacts, token: str) -> str:
    """Write a request into `path`: to join with `token`, or, where it is empty, to be renewed; the fingerprint both screens show.

    Raises JoinRefused for a text that is no token, IdentityError when a file cannot be written.
    """
    csr = files.request(facts)
    csr_pem = csr.public_bytes(Encoding.PEM).decode()
    if token:
        pinned = JoinToken.parse(token)
        proof = prove(pinned.key, *JoinAsk.parts(csr_pem, pinned.id))
        write_file(files.folder / PIN_NAME, pinned.ca_sha256.encode())
        request = RequestFile(FILE_FORMAT, csr_pem, pinned.id, proof)
    else:
        (files.folder / PIN_NAME).unlink(missing_ok=True)
        request = RequestFile(FILE_FORMAT, csr_pem)
    _write(path, msgspec.json.encode(request))
    return fingerprint(csr)


def decide_request(path: Path, *, admissions: Admissions, own_path: tuple[str, ...], now_us: int) -> Admission:
    """What the parent decides about the request in `path`, as its join service would: pending, or accepted with a certificate.

    Raises JoinRefused with the reason; JoinError for a file that is no request.
    """
    request = _read(path, RequestFile, "a join request")
    if request.token_id:
        admission = admissions.ask(JoinAsk(request.token_id, request.proof, request.csr), own_path=own_path, now_us=now_us)
    else:
        admission = admissions.renew(request.csr, now_us=now_us)
    if admission.stage is Stage.REFUSED:
        raise JoinRefused(Refusal.BY_OPERATOR, f"the operator refused {admission.node}: make it a new token")
    return admission


def write_answer(path: Path, admission: Admission, *, files: IdentityFiles) -> None:
    """Write what was issued to an accepted child into `path`. Raises IdentityError when it cannot be written."""
    assert admission.stage is Stage.ACCEPTED, "an answer before a decision"
    chain = admission.certificate_pem + files.read(files.certificate("ca")).decode()
    shown = (files.read(files.certificate("tls")) + files.root_pem()).decode()
    _write(path, msgspec.json.encode(AnswerFile(FILE_FORMAT, chain, shown)))


def take_answer(path: Path, *, files: IdentityFiles, facts: NodeFacts, now_us: int) -> FileOutcome:
    """Install what the parent issued. Raises ForeignCa, ChainError, or JoinError when the file is none of this node's."""
    answer = _read(path, AnswerFile, "the answer to a join request")
    parent_pem = answer.parent_chain.encode()
    pin = files.folder / PIN_NAME
    if pin.exists():
        root_pem, parent = _pinned(parent_pem, files.read(pin).decode(), now_us=now_us)
    else:
        root_pem, parent = files.root_pem(), known_parent(parent_pem, files=files)
    install_newer(answer.chain.encode(), files=files, facts=facts, root_pem=root_pem, now_us=now_us)
    write_file(files.certificate("parent"), parent_pem)
    pin.unlink(missing_ok=True)
    return FileOutcome(facts.node, parent, fingerprint(files.request(facts)))


def install_newer(chain_pem: bytes, *, files: IdentityFiles, facts: NodeFacts, root_pem: bytes, now_us: int) -> None:
    """Install a CA chain, own CA first, unless the present one of the same node ends later. Raises JoinError, ChainError."""
    chain = load_chain(chain_pem)
    if not chain:
        raise JoinError("the answer holds no certificate: let the parent write it again")
    if files.is_certified and root_pem == files.root_pem():
        present_us, offered_us = Dates.of(files.own_chain()[1]).end_us, Dates.of(chain[0]).end_us
        if offered_us < present_us:
            raise JoinError("the answer is older than the certificate that is here: nothing changed, ask the parent again")
    files.install(facts, ca_chain_pem=to_pem(*chain), root_pem=root_pem, now_us=now_us)


def known_parent(parent_pem: bytes, *, files: IdentityFiles) -> PeerIdentity:
    """The parent that this node joined, by a chain it shows now; dates are not judged. Raises ForeignCa."""
    try:
        return check_same_node(parent_pem, files.read(files.certificate("parent")), root_pem=files.root_pem())
    except ChainError as error:
        raise ForeignCa(f"the answer is not of our parent ({error}): ask {files.parent(now_us=None).node}") from error


def _pinned(parent_pem: bytes, pin: str, *, now_us: int) -> tuple[bytes, PeerIdentity]:
    chain = load_chain(parent_pem)
    found = sha256_hex(chain[1]) if len(chain) > 2 else "no CA"
    if found != pin:
        raise ForeignCa(
            f"the answer is not of the CA that the token names (found {found[:16]}, the token pins {pin[:16]}): ask the node that made it"
        )
    root_pem = to_pem(chain[-1])
    return root_pem, verify_chain(parent_pem, root_pem=root_pem, now_us=now_us)


_File = TypeVar("_File", RequestFile, AnswerFile)


def _read(path: Path, kind: type[_File], what: str) -> _File:
    try:
        with path.open("rb") as file:
            raw = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise JoinError(f"{path} cannot be read ({error.strerror}): check the path and the stick") from None
    return parse(raw, kind, what, path)


def parse(raw: bytes, kind: type[_File], what: str, path: Path) -> _File:
    """The request or answer in bytes of anybody; raises JoinError naming `path`."""
    if len(raw) > FILE_BYTES_MAX:
        raise JoinError(f"{path} refused: more than {FILE_BYTES_MAX} bytes are not {what}")
    try:
        found = msgspec.json.decode(raw, type=kind)
    except UNREADABLE as error:
        raise JoinError(f"{path} is not {what} ({error}): copy it whole, or write it again") from None
    version = found.yunnao_request if isinstance(found, RequestFile) else found.yunnao_answer
    if version != FILE_FORMAT:
        raise JoinError(f"{path} has format {version}, this program reads {FILE_FORMAT}: update the older of the two nodes")
    return found


def _write(path: Path, data: bytes) -> None:
    try:
        write_durably(path.absolute(), data + b"\n", mode=0o644)
    except OSError as error:
        raise IdentityError(f"{path} cannot be written ({error.strerror}): free space there, or name another file") from error
