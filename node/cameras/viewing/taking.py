"""The asker's side of a live view of another node: finds the grant, asks for one picture or piece at a time, checks it, keeps nothing.

Called by desk.py.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial

from node.cameras.errors import ViewRefused
from node.cameras.viewing.kind import Live, ViewKind
from node.cameras.viewing.papers import ViewQuestion, view_paper
from node.cases.kind import Case
from node.requests.envelope import Cursor, Question, Seal
from node.requests.kind import ASKER, PROVIDER, grant_of
from node.requests.taking import TakenPage, Taking
from node.tree.routes import RouteRefused

ANSWER_S = 30.0
"""A picture of 100 KB over a link of 50 kbit/s, with what each hop keeps back."""
SAID_MAX = 64
"""Characters of a reason of another node that are repeated."""
GRANTS_LOOKED_MAX = 1_000
_UNKNOWN = "is not known to this version"


@dataclass(slots=True, kw_only=True)
class RemoteView:
    """One view of a camera of another node. Ask one thing at a time."""

    kind: ViewKind
    taking: Taking
    provider: str
    case_id: str
    camera: str
    by: str
    view: str
    why: str = ""
    """Why somebody looks, for the provider's audit log."""
    _turn: int = 0
    _position: int = 0
    _is_entered: bool = False

    async def newest(self) -> Live:
        """What follows what this view has. Raises CaseError, RouteRefused, PolicyError, CameraError."""
        page = await self._asked()
        cells = self.kind.cells_in(page.rows)
        if not cells:
            return self.kind.nothing(next(iter(page.body.withheld), "no-picture")[:SAID_MAX])
        live = self.kind.read(cells, page.body.following.after_lsn)
        if not self._is_entered:
            # Once for a view: nobody has its first picture before it is in the book of what was fetched.
            await asyncio.to_thread(self.taking.enter, page, self.by)
            self._is_entered = True
        self._position = live.position
        return live

    async def end(self) -> None:
        """Tell the provider that nobody looks any more. Raises like `newest`."""
        if self._turn:
            await self._asked(ends=True)

    async def _asked(self, *, ends: bool = False) -> TakenPage:
        self._turn += 1
        paper, cursor = partial(self._paper, ends=ends), Cursor(after_lsn=self._position)
        try:
            return await self.taking.taken(self.case_id, cursor, by=self.by, verb=self.kind.verb, paper=paper, timeout_s=ANSWER_S)
        except RouteRefused as error:
            if str(error).endswith(_UNKNOWN):
                raise ViewRefused(f"{self.provider} runs a program without live view of {self.kind.name}: update it") from None
            raise

    def _paper(self, question: Question, seal: Seal, *, ends: bool) -> bytes:
        asked = ViewQuestion(question=question, camera=self.camera, view=self.view, turn=self._turn, ends=ends, why=self.why)
        return view_paper(asked, seal, label=self.kind.label)


async def granted_view(taking: Taking, kind: ViewKind, provider: str, case_id: str, *, camera: str) -> Case:
    """The request under which `provider` may be asked for such a view: that named, else the newest. Raises CaseError, CameraError."""
    if case_id:
        case = await taking.case(case_id)
        if case.parties[PROVIDER].node != provider:
            raise ViewRefused(f"request {case_id} went to {case.parties[PROVIDER].node}, not to {provider}")
        return case
    await taking.cases.follow()
    found = await asyncio.to_thread(_newest_grant, taking, kind, provider)
    if found is None:
        none = f"{provider} has granted no live view of {kind.name} to {taking.cases.me.node}"
        raise ViewRefused(f"{none}: ask with {kind.how(provider, camera)}")
    return found


def _newest_grant(taking: Taking, kind: ViewKind, provider: str) -> Case | None:
    kinds = [known for known in (taking.others, taking.kind) if known is not None]
    cases = [case for known in kinds for case in taking.cases.register.cases(known, states=("granted",), limit=GRANTS_LOOKED_MAX)]
    return next((case for case in cases if _gives_view(taking, kind, case, provider)), None)


def _gives_view(taking: Taking, kind: ViewKind, case: Case, provider: str) -> bool:
    parties, grant = case.parties, grant_of(case)
    resource = taking.policy.ruleset.resources.get(kind.resource)
    if grant is None or resource is None or (parties[ASKER].node, parties[PROVIDER].node) != (taking.cases.me.node, provider):
        return False
    return kind.is_spoken_of(grant, resource) and grant.is_live(taking.clock.wall_us())
