"""The asker's side of a live view of another node: finds the grant, asks for one picture at a time, checks it, keeps nothing.

Called by desk.py.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial

from node.cameras.errors import ViewRefused
from node.cameras.rows import EVIDENCE
from node.cameras.viewing.live_row import HOW, picture_in, speaks_of_live
from node.cameras.viewing.papers import VIEW, view_paper
from node.cameras.viewing.pictures import LivePicture
from node.cases.kind import Case
from node.requests.envelope import Cursor
from node.requests.kind import ASKER, PROVIDER, grant_of
from node.requests.taking import TakenPage, Taking
from node.tree.routes import RouteRefused
from policies.grant import Grant

ANSWER_S = 30.0
"""A picture of 100 KB over a link of 50 kbit/s, with what each hop keeps back."""
SAID_MAX = 64
"""Characters of a reason of another node that are repeated."""
GRANTS_LOOKED_MAX = 1_000
_UNKNOWN = "is not known to this version"


@dataclass(slots=True)
class RemoteView:
    """One view of a camera of another node. Ask one thing at a time."""

    taking: Taking
    case_id: str
    camera: str
    by: str
    view: str
    _turn: int = 0
    _known_us: int = 0
    _is_entered: bool = False
    provider: str = field(default="")

    async def newest(self) -> LivePicture:
        """The newest picture that this view has not had. Raises CaseError, RouteRefused, PolicyError, CameraError."""
        page = await self._asked()
        jpeg = picture_in(page.rows)
        if not jpeg:
            return LivePicture(missing=next(iter(page.body.withheld), "no-picture")[:SAID_MAX])
        if not self._is_entered:
            # Once for a view: nobody has its first picture before it is in the book of what was fetched.
            await asyncio.to_thread(self.taking.enter, page, self.by)
            self._is_entered = True
        self._known_us = page.body.following.after_lsn
        return LivePicture(jpeg, self._known_us, "masked")

    async def end(self) -> None:
        """Tell the provider that nobody looks any more. Raises like `newest`."""
        if self._turn:
            await self._asked(ends=True)

    async def _asked(self, *, ends: bool = False) -> TakenPage:
        self._turn += 1
        paper = partial(view_paper, camera=self.camera, view=self.view, turn=self._turn, ends=ends)
        cursor = Cursor(after_lsn=self._known_us)
        try:
            return await self.taking.taken(self.case_id, cursor, by=self.by, verb=VIEW, paper=paper, timeout_s=ANSWER_S)
        except RouteRefused as error:
            if str(error).endswith(_UNKNOWN):
                raise ViewRefused(f"{self.provider} runs a program without live view: update it") from None
            raise


async def granted_view(taking: Taking, provider: str, case_id: str) -> Case:
    """The request under which live pictures of `provider` may be asked for: that named, else the newest. Raises CaseError, CameraError."""
    if case_id:
        case = await taking.case(case_id)
        if case.parties[PROVIDER].node != provider:
            raise ViewRefused(f"request {case_id} went to {case.parties[PROVIDER].node}, not to {provider}")
        return case
    await taking.cases.follow()
    found = await asyncio.to_thread(_newest_grant, taking, provider)
    if found is None:
        raise ViewRefused(f"{provider} has granted no live view to {taking.cases.me.node}: ask with {HOW.replace('NODE', provider)}")
    return found


def _newest_grant(taking: Taking, provider: str) -> Case | None:
    kinds = [kind for kind in (taking.others, taking.kind) if kind is not None]
    cases = [case for kind in kinds for case in taking.cases.register.cases(kind, states=("granted",), limit=GRANTS_LOOKED_MAX)]
    return next((case for case in cases if _gives_view(taking, case, provider)), None)


def _gives_view(taking: Taking, case: Case, provider: str) -> bool:
    parties, grant = case.parties, grant_of(case)
    if grant is None or (parties[ASKER].node, parties[PROVIDER].node) != (taking.cases.me.node, provider):
        return False
    return _is_of_pictures(taking, grant) and grant.is_live(taking.clock.wall_us())


def _is_of_pictures(taking: Taking, grant: Grant) -> bool:
    resource = taking.policy.ruleset.resources.get(EVIDENCE)
    return grant.resource == EVIDENCE and resource is not None and speaks_of_live(grant, resource)
