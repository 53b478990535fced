"""Who this node is: its certificates, its incarnation, its parent by certificate or by order, and the clock that judges dates.

Owns the opening of the identity folder and the check that its files belong together. Called by node/assembly.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from node.attachment.orders import OrderBook, new_parent_of, order_folder
from node.clock import FlooredClock, SystemClock
from node.config.config import NodeConfig
from node.identity.admissions import Admissions
from node.identity.certificate_keeper import known_floor_us
from node.identity.errors import IdentityError
from node.identity.facts import NodeFacts
from node.identity.files import IdentityFiles
from node.identity.verify import PeerIdentity
from node.identity.vouch import KeyDirectory, ManifestVouch
from node.links.handshake import Me
from sync.model import Level


@dataclass(frozen=True, slots=True)
class Passport:
    """A node's identity, opened."""

    files: IdentityFiles
    own: PeerIdentity
    me: Me
    facts: NodeFacts
    admissions: Admissions
    clock: FlooredClock
    keys: KeyDirectory
    vouch: ManifestVouch
    orders: OrderBook
    parent: PeerIdentity | None
    """As joined, or as an attachment order says; None at the top."""
    uplink_address: str


def open_passport(config: NodeConfig, *, software: str) -> Passport:
    """The identity of the node in `config`; raises IdentityError with the way out.

    Dates are left unjudged: a node with an expired certificate or a wrong clock starts, stores, and renews when it can.
    """
    files = IdentityFiles(config.folder)
    own = files.own(now_us=None)
    _check_owner(own, config)
    admissions = Admissions(files.database, files.authority(life_s=config.identity.ca_life_s))
    keys, orders = KeyDirectory(admissions.learned_keys()), OrderBook(order_folder(config.folder), files.root_pem())
    order = orders.of(own.node)
    joined = files.parent(now_us=None) if config.level is not Level.PROVINCIAL else None
    return Passport(
        files=files,
        own=own,
        me=Me(config.node.id, files.incarnation(), config.level, config.territory.code, software),
        facts=NodeFacts(own.node, own.level, own.territory),
        admissions=admissions,
        clock=FlooredClock(SystemClock(), known_floor_us(files, admissions)),
        keys=keys,
        vouch=files.vouch(own.node, keys),
        orders=orders,
        parent=joined if order is None else new_parent_of(order, own.territory),
        uplink_address=config.parent.address if order is None else order.new.address,
    )


def _check_owner(own: PeerIdentity, config: NodeConfig) -> None:
    said = (config.node.id, config.level, config.territory.code)
    if (own.node, own.level, own.territory.code) != said:
        raise IdentityError(
            f"the certificate is for {own.node} ({own.level.word} of {own.territory.code}), {config.path} says {config.node.id} "
            f"({config.level.word} of {config.territory.code}): files of two nodes were mixed, give each its own folder"
        )
