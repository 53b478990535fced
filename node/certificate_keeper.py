"""Keeps this node's certificates alive and its clock honest: renews what is due, and asks the parent what time it is.

Owns: the order of renewals and what follows from one (the CA issues on, links show the new leaf). When something is due is decided in
identity/renewal.py. A failed try is reported and repeated; a running link is never ended because of it. Called by appliance.py.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from node.clock import FlooredClock
from node.errors import NodeError
from node.identity.admissions import Admissions
from node.identity.errors import JoinError
from node.identity.facts import NodeFacts
from node.identity.files import IdentityFiles
from node.identity.join_client import SignedMoment, ask_time, renew
from node.identity.renewal import Dates, Duty, Standing, duties, is_overdue, next_look_s, passed_us
from sync.model import ClockQuality, Instant

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
        if Duty.LEAF not in duties(self._standing, now_us):
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

    async def look(self) -> None:
        """Do what is due now. Raises JoinError when the parent did not answer, IdentityError or OSError when a file cannot be written."""
        renewed = self.renew_leaf()
        try:
            # The time first, which judges what is issued; but a parent whose time is refused must not keep the CA from being renewed.
            try:
                await self._ask_time()
            finally:
                renewed = await self._renew_ca() or renewed
        finally:
            if renewed:
                self._on_renewed()

    async def _renew_ca(self) -> bool:
        now_us = self._clock.wall_us()
        if Duty.CA not in duties(self._standing, now_us):
            return False
        if self._terms.join_address:
            await renew(self._terms.join_address, files=self._files, facts=self._terms.facts, clock=self._clock)
        elif not self._files.renew_top(self._terms.facts, now_us=now_us):
            return False
        self._files.renew_leaf(self._terms.facts, now_us=self._clock.wall_us(), life_s=self._terms.leaf_life_s)
        self._standing = self._read_standing()
        self._admissions.issue_with(self._files.authority(life_s=self._terms.ca_life_s))
        log.info("the certificate of this node's CA was renewed")
        return True

    async def _ask_time(self) -> None:
        now = self._clock.now()
        if not self._terms.join_address or (self._asked_at is not None and now.seconds_since(self._asked_at) < TIME_EVERY_S):
            return
        try:
            moment = await ask_time(self._terms.join_address, files=self._files, clock=self._clock)
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
