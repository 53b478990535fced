"""Device-to-device fan-out of the open profile: for conformance tests only, off in every configuration that does not ask for it.

Subscriptions with wildcards, retained messages and bounded queues, in memory; a restart forgets them. The field profile has none of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from node.ingest.mqtt.filters import SHARED_PREFIX, is_filter, matches
from node.ingest.mqtt.packets import Delivery, Filter, Granted, Properties, Publish
from node.ingest.mqtt.session import Session

QUEUE_MAX = 1_000
"""Messages that wait for one client; the oldest goes first."""
RETAINED_MAX = 10_000
"""Topics with a retained message; further ones are not retained."""
FILTERS_MAX = 100
"""Filters of one session."""
SUBSCRIBERS_MAX = 1_000
"""Clients that may subscribe."""
REFUSED_FILTER = "test/nosubscribe"
"""A filter that nobody is granted, so that a refusal can be tested."""


class Fanout:
    """Hands what one client publishes to those that subscribed."""

    def __init__(self, wall_us: Callable[[], int]) -> None:
        self._wall_us = wall_us
        self._retained: dict[str, Delivery] = {}
        self._queues: dict[str, tuple[Session, deque[Delivery]]] = {}

    def grant(self, session: Session, wanted: Filter) -> Granted:
        """Everything well formed but shared subscriptions."""
        if wanted.pattern.startswith(SHARED_PREFIX):
            return Granted.SHARED
        if not is_filter(wanted.pattern):
            return Granted.BAD_FILTER
        if wanted.pattern == REFUSED_FILTER:
            return Granted.UNSPECIFIED
        if (session.client not in self._queues and len(self._queues) >= SUBSCRIBERS_MAX) or len(session.filters) >= FILTERS_MAX:
            return Granted.QUOTA
        return Granted(wanted.qos)

    def subscribed(self, session: Session, wanted: Filter, *, is_new: bool) -> None:
        """Hand out the retained messages as the options ask."""
        _, queue = self._queues.setdefault(session.client, (session, deque(maxlen=QUEUE_MAX)))
        if wanted.retain_handling == 0 or (wanted.retain_handling == 1 and is_new):
            queue.extend(
                kept._replace(qos=min(kept.qos, wanted.qos), is_retained=True)
                for topic, kept in self._retained.items()
                if matches(wanted.pattern, topic)
            )
        session.outbound.pump()

    def next(self, session: Session) -> Delivery | None:
        """The oldest message that waits and did not expire."""
        _, queue = self._queues.get(session.client, (session, None))
        while queue:
            delivery = queue.popleft()
            if delivery.expires_us is None or delivery.expires_us > self._wall_us():
                return delivery
        return None

    def handed_over(self, session: Session, key: str) -> None:
        """It left the queue when it was taken."""

    def taken_in(self, session: Session, publish: Publish) -> None:
        """Retain it if it asks for that, and queue it for everyone whose filters take it."""
        expires_us = None
        if publish.properties is not None and publish.properties.expiry_s is not None:
            expires_us = self._wall_us() + publish.properties.expiry_s * 1_000_000
        sent = Delivery(publish.topic, publish.payload, publish.qos, "", False, expires_us, _carried(publish.properties))
        if publish.is_retained:
            self._retain(sent)
        for subscriber, queue in tuple(self._queues.values()):
            wanted = [
                each
                for each in subscriber.filters.values()
                if matches(each.pattern, publish.topic) and not (each.no_local and subscriber is session)
            ]
            if wanted and (subscriber.is_connected or publish.qos):
                is_retained = publish.is_retained and any(each.retain_as_published for each in wanted)
                queue.append(sent._replace(qos=min(publish.qos, max(each.qos for each in wanted)), is_retained=is_retained))
                subscriber.outbound.pump()

    def forgotten(self, session: Session) -> None:
        """Its queue goes with it."""
        if self._queues.get(session.client, (None,))[0] is session:
            del self._queues[session.client]

    def _retain(self, sent: Delivery) -> None:
        if not sent.payload:
            self._retained.pop(sent.topic, None)
        elif sent.topic in self._retained or len(self._retained) < RETAINED_MAX:
            self._retained[sent.topic] = sent


def _carried(properties: Properties | None) -> Properties | None:
    if properties is None:
        return None
    return Properties(
        None, None, properties.payload_format, properties.content_type, properties.response_topic, properties.correlation, properties.user
    )
