"""Attachment orders: which parent a node has now, signed by an ancestor that both parents have in common.

Attachment is not certification: a moved node keeps its certificate, and the order says where it stands. An order proves itself: it carries
its issuer's certificate chain, which must end at the pinned provincial root and lie above the node and both parents. Of the orders for one
node the one with the highest serial is in force, wherever it is met. Refuses everything else. Called by node/attachment/desk.py, the
assembly and the `attach` verb. Dates are not judged: an order must hold on a node whose clock or certificate is long out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from node.errors import NodeError
from node.files import write_durably
from node.identity.errors import ChainError, IdentityError
from node.identity.facts import TREE_NAME
from node.identity.verify import CHAIN_BYTES_MAX, CHAIN_LENGTH_MAX, PeerIdentity, verify_chain
from node.untrusted import UNREADABLE
from sync.model import Level, ModelError, Territory, check_node_id

ORDER_FORMAT = 1
ORDER_BYTES_MAX = 2 * CHAIN_BYTES_MAX
ORDERS_MAX = 4_096
"""Orders a node keeps: one for each node of its part of the tree that ever moved."""
ADDRESS_CHARS_MAX = 300
SUFFIX = ".order"
CERTIFIER_SUFFIX = ".certifier"


class AttachmentError(NodeError):
    """An order that does not prove itself, or cannot be given: the message names what is wrong with it."""


class Reattached(NodeError):
    """This node has another parent from now on: its present life ends, node/appliance.py starts the next one below the new parent."""


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A parent as an order names it."""

    path: tuple[str, ...]
    """Node ids that certify each other, the provincial node first, the parent last."""
    level: str
    territory: str
    address: str = ""
    """HOST:PORT of its link listener; empty for the old parent."""

    @property
    def node(self) -> str:
        """The parent's node id."""
        return self.path[-1]


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One order, as its file and its message hold it (JSON)."""

    format: int
    node: str
    path: tuple[str, ...]
    """The certification path of the node that moves."""
    incarnation: int
    """Life of the node when the order was given; told for the books, a later life obeys as well."""
    old: Place
    new: Place
    serial: int
    """Ascends with every order for this node."""
    issuer: str
    chain_pem: bytes
    """The issuer's certificate chain, leaf first."""
    signature: bytes = b""
    """Ed25519 over `signed_bytes`, by the issuer's manifest key."""

    @property
    def signed_bytes(self) -> bytes:
        """What the signature covers: every part with its length before it, so that no two orders share them."""
        words = ["yunnao-attachment-1", self.issuer, self.node, str(self.incarnation), str(self.serial), "\n".join(self.path)]
        for place in (self.old, self.new):
            words += ["\n".join(place.path), place.level, place.territory, place.address]
        return b"".join(len(part).to_bytes(4, "big") + part for part in (word.encode() for word in words))

    @property
    def raw(self) -> bytes:
        """The order as bytes."""
        return msgspec.json.encode(self)

    def fence(self) -> str:
        """What the old parent tells the node, and whoever looks into its log."""
        return f"{self.node} was moved to {self.new.node} ({self.new.address}) by order {self.serial} of {self.issuer}"


@dataclass(frozen=True, slots=True)
class Signer:
    """What an issuer signs with."""

    identity: PeerIdentity
    chain_pem: bytes
    key: Ed25519PrivateKey


def give_order(order: Order, signer: Signer) -> Order:
    """`order` signed; raises AttachmentError when the issuer does not stand above the node and both parents."""
    made = msgspec.structs.replace(order, issuer=signer.identity.node, chain_pem=signer.chain_pem)
    _check_sense(made)
    _check_common(made, signer.identity.path)
    return msgspec.structs.replace(made, signature=signer.key.sign(made.signed_bytes))


def read_order(raw: bytes, *, root_pem: bytes) -> Order:
    """The order in `raw`, checked against the pinned root; raises AttachmentError."""
    if len(raw) > ORDER_BYTES_MAX:
        raise AttachmentError(f"an attachment order of {len(raw)} bytes refused: at most {ORDER_BYTES_MAX}")
    try:
        order = msgspec.json.decode(raw, type=Order)
        _check_sense(order)
        issuer = verify_chain(order.chain_pem, root_pem=root_pem, now_us=None)
    except UNREADABLE as error:
        raise AttachmentError(f"not an attachment order ({error}): copy the file whole") from None
    except (ChainError, ModelError) as error:
        raise AttachmentError(f"attachment order refused: {error}") from None
    if issuer.node != order.issuer:
        raise AttachmentError(f"attachment order for {order.node} refused: it names {order.issuer}, its certificate {issuer.node}")
    _check_common(order, issuer.path)
    try:
        Ed25519PublicKey.from_public_bytes(issuer.manifest_key).verify(order.signature, order.signed_bytes)
    except (InvalidSignature, ValueError):
        raise AttachmentError(f"attachment order for {order.node} refused: {order.issuer} did not sign it") from None
    return order


def new_parent_of(order: Order, root: Territory) -> PeerIdentity:
    """The new parent as a link must find it; `root` gives the coding system and edition of its territory."""
    place = order.new
    return PeerIdentity(
        node=place.node,
        level=Level.from_word(place.level),
        territory=replace(root, code=place.territory),
        manifest_key=b"",
        path=place.path,
        tls_name=".".join((*reversed(place.path), TREE_NAME)),
        not_after_us=0,
    )


def _check_sense(order: Order) -> None:
    if order.format != ORDER_FORMAT:
        raise AttachmentError(f"an attachment order of format {order.format} refused: this program knows {ORDER_FORMAT}, update it")
    for path in (order.path, order.old.path, order.new.path):
        if not 1 <= len(path) <= CHAIN_LENGTH_MAX:
            raise AttachmentError(f"an attachment order with a path of {len(path)} nodes refused: at most {CHAIN_LENGTH_MAX}")
        for node in path:
            check_node_id(node)
    for place in (order.old, order.new):
        Level.from_word(place.level)
        Territory(place.territory)
    if order.path[-1] != order.node or order.node in (*order.old.path, *order.new.path):
        raise AttachmentError(f"an attachment order that puts {order.node} below itself refused")
    if order.serial < 1 or not 0 < len(order.new.address) <= ADDRESS_CHARS_MAX:
        raise AttachmentError(f"an attachment order for {order.node} without a serial or an address refused")


def _check_common(order: Order, issuer: tuple[str, ...]) -> None:
    """The issuer must be above the node, and above both parents or one of them itself."""
    for path in (order.path[:-1], order.old.path, order.new.path):
        if path[: len(issuer)] != issuer:
            message = f"{issuer[-1]} may not move {order.node} from {order.old.node} to {order.new.node}: it does not stand above them all"
            raise AttachmentError(message)


class OrderBook:
    """The orders a node keeps, one file each, in `<dir>/orders`."""

    def __init__(self, folder: Path, root_pem: bytes) -> None:
        """Read what is there; raises AttachmentError for a file that no longer proves itself."""
        self._folder = folder
        self._root_pem = root_pem
        self._orders: dict[str, Order] = {}
        self._certifiers: dict[int, str] = {}
        """Where new parents certify, by the serial of the order."""
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            order = read_order(path.read_bytes(), root_pem=root_pem)
            self._orders[order.node] = order

    def __iter__(self) -> Iterator[Order]:
        return iter([self._orders[node] for node in sorted(self._orders)])

    def of(self, node: str) -> Order | None:
        """The order in force for `node`; None when it never moved."""
        return self._orders.get(node)

    def certifier(self, order: Order) -> str:
        """Where the new parent of an order certifies, as noted last (HOST:PORT); empty when it never was."""
        if order.serial not in self._certifiers:
            path = self._certifier_file(order)
            words = path.read_text("utf-8", "replace").split() if path.exists() else []
            self._certifiers[order.serial] = words[1] if len(words) == 2 and words[0] == str(order.serial) else ""
        return self._certifiers[order.serial]

    def note_certifier(self, order: Order, address: str) -> None:
        """Keep where the new parent of an order certifies. Raises IdentityError when it cannot be written."""
        if self.certifier(order) == address:
            return
        try:
            write_durably(self._certifier_file(order), f"{order.serial} {address}\n".encode())
        except OSError as error:
            raise IdentityError(f"{self._folder} cannot be written ({error.strerror}): free space or fix its permissions") from error
        self._certifiers[order.serial] = address

    def _certifier_file(self, order: Order) -> Path:
        return self._folder / f"{order.node}{CERTIFIER_SUFFIX}"

    def read(self, raw: bytes) -> Order:
        """The order in `raw`, checked; raises AttachmentError."""
        return read_order(raw, root_pem=self._root_pem)

    def take(self, raw: bytes) -> Order | None:
        """Keep an order durably; None when one at least as new is known. Raises AttachmentError."""
        order = self.read(raw)
        known = self._orders.get(order.node)
        if known is not None and known.serial >= order.serial:
            return None
        if known is None and len(self._orders) >= ORDERS_MAX:
            raise AttachmentError(f"order for {order.node} refused: {ORDERS_MAX} are kept already in {self._folder}; remove old files")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_durably(self._folder / f"{order.node}{SUFFIX}", order.raw)
        except OSError as error:
            raise IdentityError(f"{self._folder} cannot be written ({error.strerror}): free space or fix its permissions") from error
        self._orders[order.node] = order
        return order


def order_folder(folder: Path) -> Path:
    """Where a node in `folder` keeps its orders."""
    return folder / "orders"
