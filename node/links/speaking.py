"""What an open link does by itself: it sends what waits, says that the node lives, and ends with the peer's certificate.

Owns: the tasks of a link. Refuses a peer that has been silent for too long (LinkError). Called by links.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from node.links.outgoing import Outgoing
from node.links.peer import Context, Peer
from node.links.pulse import Pulse
from sync.core.messages import Heartbeat
from sync.core.outbox import LinkPace
from sync.core.window import RATE_ASSUMED_BYTES_S
from sync.model import MICROSECONDS, LinkError
from sync.wire.codec import encode

CERTIFICATE_LOOK_S = 60.0
"""Longest wait between two looks at the end of a peer's certificate: wall clocks jump."""


class Speaking:
    """The sending side of links."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def beside(self, peer: Peer, listening: Awaitable[None]) -> None:
        """Run the tasks of a link for as long as `listening` goes on."""
        workers = [
            asyncio.create_task(self._drain(peer, peer.urgent, urgent=True)),
            asyncio.create_task(self._drain(peer, peer.bulk, urgent=False)),
            asyncio.create_task(self._beat(peer)),
            asyncio.create_task(self._end_with_certificate(peer)),
        ]
        for worker in workers:
            worker.add_done_callback(lambda done: self._worker_ended(peer, done))
        try:
            await listening
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    def _worker_ended(self, peer: Peer, worker: asyncio.Task[None]) -> None:
        """A link that cannot send is no link: without this, one message that cannot be encoded would silence it for good."""
        if not worker.cancelled() and (failure := worker.exception()) is not None:
            peer.session.end(f"nothing more can be sent: {failure}")

    async def _drain(self, peer: Peer, queue: Outgoing, *, urgent: bool) -> None:
        while True:
            await peer.session.send(encode(await queue.get()), urgent=urgent)

    async def _beat(self, peer: Peer) -> None:
        context = self._context
        pulse = Pulse(context.limits, context.clock.now())
        while True:
            context.policy.look_at_dates()
            own, now_us = context.own_status(), context.clock.wall_us()
            body = context.directory.upward(own, now_us) if peer.facts.is_parent else context.directory.downward(own, now_us)
            age_us = None if peer.facts.is_parent else context.forks.above_age_us()
            is_done = peer.reseed is not None and peer.reseed.is_done
            peer.urgent.put_nowait(Heartbeat(body, context.hybrid.tick(), reseeded=is_done, above_age_us=age_us))
            if pulse.is_silent(peer.session.heard, context.clock.now()):
                raise LinkError(f"{peer.facts.node} has been silent for {pulse.silence_s:g} s")
            pace = context.runtime.engine.pace(peer.facts.node, context.clock.now())
            await asyncio.sleep(pulse.pause_s(beat_bytes=len(body), rate_bytes_s=_rate_bytes_s(pace)))

    async def _end_with_certificate(self, peer: Peer) -> None:
        """A session outlives no certificate: TLS looks at dates only when a connection begins."""
        identity = peer.session.peer
        assert identity is not None, "a session without an authorised peer"
        if not identity.not_after_us:
            return
        while identity.not_after_us > (now_us := self._context.clock.wall_us()):  # noqa: ASYNC110 - a wall clock tells nobody that it jumped
            await asyncio.sleep(min((identity.not_after_us - now_us) / MICROSECONDS, CERTIFICATE_LOOK_S))
        peer.session.end(f"the certificate that {identity.node} showed has ended: it opens the link again with a new one")


def _rate_bytes_s(pace: LinkPace | None) -> float:
    """What heartbeats may count on: a link that has data on its way and acknowledged nothing yet may be a thin one; 0 when it is idle."""
    if pace is None:
        return 0.0
    return pace.rate_bytes_s or (RATE_ASSUMED_BYTES_S if pace.in_flight_bytes else 0.0)
