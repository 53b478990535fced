"""Keeps this node's certificates alive and its clock honest: renews what is due, and asks the parent what time it is.

Owns: the order of renewals and what follows from one (the CA issues on, links show the new leaf). When something is due is decided in
identity/renewal.py. A failed try is reported and repeated; a running link is never ended because of it. Called by passport.py.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.serialization import Encoding

from node.clock import FlooredClock
from node.errors import NodeError
from node.identity.admissions import Admissions
from node.identity.errors import JoinError, JoinRefused
from node.identity.facts import NodeFacts
from node.identity.files import IdentityFiles, write_file
from node.identity.join_client import SignedMoment, ask_time, meet_parent, refresh_parent, renew
from node.identity.join_files import install_newer, known_parent
from node.identity.renewal import Dates, Duty, Standing, duties, is_overdue, next_look_s, passed_us
from sync.model import ClockQuality, Instant, Level

log = logging.getLogger("yunnao.certificates")

TIME_EVERY_S = 3_600.0
"""How often the parent is asked for the time."""
TIME_RETRY_S = 60.0
START_LOOK_S = 2.0
CLOCK_OFF_US = 5_000_000
"""An own clock further from the parent's than this, beyond the uncertainty of the measurement, is shown to the operator."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Whose certificates, how long they live, and who renews them."""

    facts: NodeFacts
    leaf_life_s: int
    ca_life_s: int
    join_address: str
    """host:port of the parent's join service; empty at the top and where there is no way to it."""


class CertificateKeeper:
    """One node's certificates and signed time."""

    def __init__(
        self,
        files: IdentityFiles,
        terms: Terms,
        *,
        admissions: Admissions,
        clock: FlooredClock,
        on_renewed: Callable[[], None],
        on_clock: Callable[[ClockQuality], None],
    ) -> None:
        self._files = files
        self._terms = terms
        self._admissions = admissions
        self._clock = clock
        self._on_renewed = on_renewed
        self._on_clock = on_clock
        self.certifier: Callable[[], tuple[str, tuple[str, ...]] | None] = lambda: None
        """Where the parent certifies that an order gave this node, and its certification path; None without one, or while it is unknown."""
        self.is_cut_off: Callable[[], bool] = lambda: False
        """True while the link to the parent does not come about."""
        self.has_moved = False
        """True when an order gave this node another parent than the one that it joined."""
        self.on_recertified: Callable[[], None] = lambda: None
        """Called when this node's certification path is another: its present life ends."""
        self._quality = ClockQuality()
        self._asked_at: Instant | None = None
        self._trouble = ""
        self._standing = self._read_standing()

    @property
    def troubles(self) -> list[str]:
        """Words for the status: what an operator has to look at."""
        is_off = self._clock.is_behind or abs(self._quality.offset_us) > CLOCK_OFF_US + self._quality.uncertainty_us
        is_late = is_overdue(self._standing, self._clock.wall_us())
        return [word for word, holds in (("clock_off", is_off), ("certificate_expiring", is_late)) if holds]

    def renew_leaf(self) -> bool:
        """Issue a new leaf when it is due; True when it did. Asks nobody, so it works however long the node was away."""
        now_us = self._clock.wall_us()
        # Below a CA that has ended no leaf can live: the parent has to renew that first.
        if Duty.LEAF not in duties(self._standing, now_us) or now_us >= self._standing.ca.end_us:
            return False
        self._files.renew_leaf(self._terms.facts, now_us=now_us, life_s=self._terms.leaf_life_s)
        self._standing = self._read_standing()
        return True

    async def run(self) -> None:
        """Look at the dates and at the clock for as long as the node runs."""
        # What fell due while the node was off is looked at almost at once; no sooner, since a whole tree may be starting after a power cut.
        wait_s = START_LOOK_S
        while True:
            await asyncio.sleep(wait_s)
            try:
                await self.look()
                self._note("")
            except (NodeError, OSError) as error:
                self._note(str(error))
            wait_s = next_look_s(self._standing, self._clock.wall_us())

    def request(self) -> bytes:
        """The request for a later certificate (PEM) where the parent has to issue one and may be reached by file alone; else empty."""
        if Duty.CA not in duties(self._standing, self._clock.wall_us()) or self._is_top:
            return b""
        return self._files.request(self._terms.facts).public_bytes(Encoding.PEM)

    def take(self, chain_pem: bytes, *, parent_pem: bytes) -> None:
        """Install what the parent issued and a file brought; `parent_pem` is the chain it showed. Raises JoinError, ChainError."""
        known_parent(parent_pem, files=self._files)
        install_newer(
            chain_pem, files=self._files, facts=self._terms.facts, root_pem=self._files.root_pem(), now_us=self._clock.wall_us()
        )
        write_file(self._files.certificate("parent"), parent_pem)
        self._files.renew_leaf(self._terms.facts, now_us=self._clock.wall_us(), life_s=self._terms.leaf_life_s)
        self._is_renewed()
        self._on_renewed()

    async def look(self) -> None:
        """Do what is due now. Raises JoinError when the parent did not answer, IdentityError or OSError when a file cannot be written."""
        renewed = self._was_renewed_beside() | self.renew_leaf()
        try:
            # The time first, which judges what is issued; but a parent whose time is refused must not keep the CA from being renewed.
            try:
                await self._meet_parent()
                await self._ask_time()
            finally:
                renewed = await self._renew_ca() or renewed
        finally:
            if renewed:
                self._on_renewed()

    async def _meet_parent(self) -> None:
        """Know the parent that an order gave this node, or one that was certified anew, by the chain that it shows now."""
        moved = self.certifier()
        if moved is not None:
            address, path = moved
            if self._files.parent(now_us=None).path != path:
                await meet_parent(address, path, files=self._files)
        elif self.is_cut_off() and self._terms.join_address and not self.has_moved:
            await refresh_parent(self._terms.join_address, files=self._files)

    async def _renew_ca(self) -> bool:
        now_us = self._clock.wall_us()
        if Duty.CA not in duties(self._standing, now_us) and not self._is_parent_certified_anew():
            return False
        path = self._files.own(now_us=None).path
        if self._terms.join_address or self.certifier() is not None:
            await self._ask_renewal(path[:-1])
        elif not self._files.renew_top(self._terms.facts, now_us=now_us):
            return False
        self._files.renew_leaf(self._terms.facts, now_us=self._clock.wall_us(), life_s=self._terms.leaf_life_s)
        self._is_renewed()
        if self._files.own(now_us=None).path != path:
            self.on_recertified()
        return True

    async def _ask_renewal(self, issuer: tuple[str, ...]) -> None:
        """Ask the present parent; where an order moved this node and the new parent may not certify it, the one that did before."""
        moved, old = self.certifier(), self._terms.join_address
        if moved is not None:
            address, path = moved
            try:
                await renew(address, files=self._files, facts=self._terms.facts, clock=self._clock, issuer=path)
            except JoinRefused as error:
                if not old:
                    raise
                log.info("%s does not certify this node (%s): the one that did is asked", path[-1], error)
            else:
                return
        await renew(old, files=self._files, facts=self._terms.facts, clock=self._clock, issuer=issuer if self.has_moved else ())

    def _is_parent_certified_anew(self) -> bool:
        """True when the known parent has another certification path than the one that certified this node."""
        return not (self.has_moved or self._is_top) and self._files.parent(now_us=None).path != self._files.own(now_us=None).path[:-1]

    def _is_renewed(self) -> None:
        self._standing = self._read_standing()
        self._admissions.issue_with(self._files.authority(life_s=self._terms.ca_life_s))
        log.info("the certificate of this node's CA was renewed")

    def _was_renewed_beside(self) -> bool:
        """True when `yunnao join --answer` brought another CA certificate while the node ran."""
        found = self._read_standing()
        if found.ca == self._standing.ca:
            return False
        self._is_renewed()
        return True

    async def _ask_time(self) -> None:
        now, moved = self._clock.now(), self.certifier()
        address = moved[0] if moved is not None else "" if self.has_moved else self._terms.join_address
        if not address or (self._asked_at is not None and now.seconds_since(self._asked_at) < TIME_EVERY_S):
            return
        try:
            moment = await ask_time(address, files=self._files, clock=self._clock)
        except JoinError:
            self._asked_at = now.plus(TIME_RETRY_S - TIME_EVERY_S)
            raise
        self._asked_at = now
        self._take(moment)

    def _take(self, moment: SignedMoment) -> None:
        floor_us = passed_us(moment.time_us, wall_us=self._clock.machine_us(), ca=self._standing.ca)
        self._admissions.keep_signed_time(floor_us)
        self._clock.raise_floor(floor_us)
        self._quality = ClockQuality(self._clock.wall_us() - moment.time_us, moment.uncertainty_us)
        self._on_clock(self._quality)

    @property
    def _is_top(self) -> bool:
        return self._terms.facts.level is Level.PROVINCIAL

    def _read_standing(self) -> Standing:
        return Standing.of(self._files.own_chain(), leaf_life_s=self._terms.leaf_life_s)

    def _note(self, why: str) -> None:
        if why and why != self._trouble:
            log.warning("certificates and time: %s", why)
        self._trouble = why


def known_floor_us(files: IdentityFiles, admissions: Admissions) -> int:
    """The latest moment that lies in the past for certain, microseconds since 1970 UTC: one that the parent signed, or issued a CA at."""
    _, own_ca, *_ = files.own_chain()
    return max(admissions.newest_signed_time_us(), Dates.of(own_ca).issued_us)
