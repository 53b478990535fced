"""What a simulated node needs of its world, and the seal that stands in for signatures of bundles. Made by simulations/world.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from node.store.schema import Tuning
from policies.bundle import Bundle, SignedBundle
from policies.roots import SignedRoot
from policies.slices import root_of
from simulations.network import Session
from simulations.trace import Trace
from sync.core.messages import Data
from sync.model import Limits, Stream
from sync.model.writes import Write


@dataclass(slots=True)
class Surroundings:
    """What a host needs of its world."""

    rng: Random
    trace: Trace
    limits: Limits
    tuning: Tuning
    at: Callable[[int, Callable[[], None]], None]
    """Run something at a time of the world, microseconds."""
    send: Callable[[Session, str, bytes, bool], None]
    link_lost: Callable[[str, str], None]
    """(host, peer): close the session between the two and let the child try again."""
    stored: Callable[[str, int], None]
    """(host, ticket): a local batch was acknowledged."""
    numbered: Callable[[int, Stream, int, int], None]
    """(ticket, stream, first, last): a local batch is about to be committed under these numbers."""
    booted: Callable[[str, int, Mapping[Stream, int]], None]
    """(host, incarnation, tops): what a host found of its own streams when it started."""
    committed: Callable[[str, Sequence[Write]], None]
    """(host, writes): a commit went through."""
    wire: Callable[[str, str, Data], None]
    """(source, target, frame): for the checker that watches what is on the wire."""
    down: Callable[[str], None]
    """(host): its power went in the middle of a turn, or its process ended to begin another life."""


@dataclass(slots=True)
class Seal:
    """Bundles of a simulation need no signatures: what they say is what counts."""

    territories: dict[str, str]
    node: str = ""
    """Whose seal it is."""

    def of(self, node: str) -> Seal:
        """The seal of one node."""
        return replace(self, node=node)

    def territory_of(self, signed: SignedBundle) -> str:
        """The issuer's territory."""
        return self.territories[signed.bundle.issuer]

    def territory_of_root(self, signed: SignedRoot) -> str:
        """The issuer's territory."""
        return self.territories[signed.root.issuer]

    def own_root(self, bundle: Bundle) -> SignedRoot | None:
        """The root of a bundle of this node; None for another's."""
        return SignedRoot(root_of(bundle), b"", "") if bundle.issuer == self.node else None
