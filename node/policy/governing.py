"""What stands on the cases beside the negative list and the requests: answers to questions, changed grades, emergencies, reviews. Put
together here.

Owns how these rooms get their parts, and in one place what they run, say and close. Called by node/wiring.py.
"""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from node.accumulation.counting import FILE_NAME, Counting, CountsDamaged
from node.accumulation.desk import AccumulationDesk
from node.assembly import Parts
from node.cases.desk import CaseDesk
from node.cases.kind import Kind
from node.emergency.desk import EmergencyDesk
from node.emergency.kind import EMERGENCY
from node.policy.issuing import Issuer
from node.regrading.desk import RegradeDesk
from node.regrading.kind import REGRADE
from node.requests.desk import RequestDesk
from node.requests.wiring import Requests
from node.reviews.desk import ReviewDesk
from node.reviews.kind import REVIEW
from node.reviews.withdrawing import withdraw
from node.store.side_file import open_or_begin_anew
from node.verify.wiring import Verification, verification_of

KINDS: tuple[Kind, ...] = (REGRADE, EMERGENCY, REVIEW)
"""The kinds of cases of these rooms."""
LOSS = "persons are counted again from the records that are here"


@dataclass(frozen=True, slots=True)
class Governing:
    """The rooms."""

    verification: Verification
    regrading: RegradeDesk
    emergencies: EmergencyDesk
    reviews: ReviewDesk
    accumulation: AccumulationDesk

    def background(self) -> list[Coroutine[Any, Any, object]]:
        """What runs for as long as the node does."""
        return [self.regrading.run(), self.emergencies.run(), self.reviews.run(), self.accumulation.run()]

    def troubles(self) -> list[str]:
        """Words for the status."""
        rooms = (self.regrading, self.emergencies, self.reviews, self.accumulation)
        return [word for room in rooms for word in room.troubles()]

    async def settle(self) -> None:
        """Have what a decision about a review changes done at once. Raises CaseError, NoRoom, CountingFailed."""
        await self.accumulation.settle()
        await self.reviews.settle()

    async def stop(self) -> None:
        """Release the files."""
        await self.verification.stop()
        await self.accumulation.stop()


def governing_of(parts: Parts, cases: CaseDesk, issuer: Issuer, requests: Requests) -> Governing:
    """The rooms on their parts; raises VerifyRefused when a file cannot be opened now."""
    terms, rules, shares = requests.desk.terms, requests.desk.rules, requests.desk.shares
    emergencies = EmergencyDesk(cases, RequestDesk(cases, EMERGENCY, terms, rules, shares, parts.clock), parts.clock)
    reviews = ReviewDesk(cases, parts.policy, parts.clock, requests.parties.authority, parts.policy.territory_of)
    reviews.withdraw = lambda entry_id, why: withdraw(cases, issuer, entry_id, why)
    accumulation = AccumulationDesk(_counting(parts), parts.journal, issuer, reviews)
    return Governing(verification_of(parts, requests), RegradeDesk(cases, issuer), emergencies, reviews, accumulation)


def _counting(parts: Parts) -> Counting:
    secret = HKDF(SHA256(), 32, salt=None, info=b"yunnao-persons-1").derive(parts.files.pseudonym_secret())
    path = parts.config.data_dir / FILE_NAME
    return open_or_begin_anew(path, lambda place: Counting(place, secret), damaged=CountsDamaged, loss=LOSS)
