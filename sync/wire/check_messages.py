"""What the messages other than data must be, before they are sent and before they are read.

Owns: the sense of Hello, Ack, Refused, InForce, Bundles, Wants, Query. Refuses with WireError. Called by codec at both ends.
"""

from __future__ import annotations

import re

from sync.core.messages import (
    Ack,
    Answer,
    Bundles,
    Data,
    Heard,
    Heartbeat,
    Hello,
    InForce,
    Message,
    Orders,
    Position,
    Query,
    Refused,
    Stop,
    Wants,
)
from sync.model import (
    LIVES_TOLD_MAX,
    HybridTime,
    Life,
    Limits,
    ModelError,
    PolicyVersion,
    Territory,
    WireError,
    check_node_id,
    check_resource,
)
from sync.model.renumbering import HELD_RANGES_MAX, RENUMBERED_TOLD_MAX
from sync.wire import bounds
from sync.wire.check_batch import check_frame, check_manifest, check_span

_VERB = re.compile(rf"[a-z][a-z0-9_-]{{0,{bounds.VERB_CHARS_MAX - 1}}}")


def check_message(message: Message, limits: Limits) -> None:
    """Raise WireError, naming field and value, when `message` contradicts itself or a limit."""
    match message:
        case Data(frame):
            check_frame(frame, limits)
        case Hello():
            _check_hello(message)
            if message.fork_proof is not None:
                check_manifest(message.fork_proof, "hello.fork_proof", limits)
        case Ack():
            bounds.check_number(message.stored, "ack.stored")
            bounds.check_number(message.secured, "ack.secured", most=message.stored)
        case Refused():
            check_span(message.span)
            bounds.check_number(message.part, "refused.part", most=bounds.PARTS_MAX - 1)
            _check_policy(message.policy)
            if message.under:
                bounds.check_digest(message.under, "refused.under")
            bounds.check_text(message.program, "refused.program", chars_max=bounds.SOFTWARE_CHARS_MAX)
        case InForce():
            _check_policy(message.policy)
            _check_over(message.over)
        case Bundles():
            bounds.check_count(len(message.bundles), "bundles", most=bounds.BUNDLES_MAX)
            bounds.check_count(len(message.slices), "slices", most=bounds.BUNDLES_MAX)
        case Wants():
            _check_wants(message)
        case Orders():
            bounds.check_count(len(message.orders), "orders", most=bounds.ORDERS_MAX)
        case Heartbeat():
            _check_time(message.sent_at)
            bounds.check_number(message.above_age_us or 0, "heartbeat.above_age_us")
        case Query():
            bounds.check_number(message.id, "query.id")
            if not _VERB.fullmatch(message.verb):
                raise WireError(f"query.verb {message.verb[:40]!r} refused: use a-z, 0-9, '_' and '-', starting with a letter")
        case Answer():
            bounds.check_number(message.id, "answer.id")
        case Stop():
            bounds.check_number(len(message.order), "stop.order bytes", most=bounds.ORDER_BYTES_MAX)


def _check_hello(hello: Hello) -> None:
    try:
        check_node_id(hello.node)
        Territory(hello.territory)
    except ModelError as error:
        raise WireError(f"hello: {error}") from None
    bounds.check_number(hello.incarnation, "hello.incarnation", least=1)
    bounds.check_number(hello.for_incarnation, "hello.for_incarnation")
    bounds.check_number(hello.protocol_oldest, "hello.protocol_oldest", least=1, most=bounds.PARTS_MAX)
    bounds.check_number(hello.protocol_newest, "hello.protocol_newest", least=hello.protocol_oldest, most=bounds.PARTS_MAX)
    bounds.check_text(hello.software, "hello.software", chars_max=bounds.SOFTWARE_CHARS_MAX)
    _check_policy(hello.policy)
    _check_time(hello.sent_at)
    _check_positions(hello.positions)
    _check_lives(hello.lives, "hello.lives")
    _check_lives(hello.known_lives, "hello.known_lives")
    _check_renumbering(hello)
    _check_heard(hello.heard)
    bounds.check_number(hello.above_age_us or 0, "hello.above_age_us")
    if hello.wants is not None:
        _check_wants(hello.wants)


def _check_wants(wants: Wants) -> None:
    bounds.check_count(len(wants.resources), "wants.resources", most=bounds.WANTED_MAX)
    bounds.check_number(len(wants.have), "wants.have bytes", most=bounds.HAVE_BYTES_MAX)
    before = ""
    for code in wants.resources:
        try:
            check_resource(code)
        except ModelError as error:
            raise WireError(f"wants.resources: {error}") from None
        if code <= before:
            raise WireError(f"wants.resources {code!r} refused: expected ascending codes, it follows {before!r}")
        before = code


def _check_over(over: tuple[str, ...]) -> None:
    bounds.check_count(len(over), "in_force.over", most=bounds.OVER_MAX)
    for reason in over:
        if not reason:
            raise WireError("in_force.over refused: a reason without a word")
        bounds.check_text(reason, "in_force.over", chars_max=bounds.REASON_CLASS_CHARS_MAX)


def _check_heard(heard: tuple[Heard, ...]) -> None:
    bounds.check_count(len(heard), "hello.heard", most=bounds.POSITIONS_MAX)
    for entry in heard:
        bounds.check_number(entry.upto, "heard.upto")
        bounds.check_number(entry.part, "heard.part", most=bounds.PARTS_MAX - 1)


def _check_lives(lives: tuple[Life, ...], field: str) -> None:
    bounds.check_count(len(lives), field, most=LIVES_TOLD_MAX)
    before = 0
    for life in lives:
        bounds.check_number(life.id, f"{field} id", least=1)
        before = bounds.check_number(life.after, f"{field} after", least=before)


def _check_renumbering(hello: Hello) -> None:
    bounds.check_count(len(hello.renumbered), "hello.renumbered", most=RENUMBERED_TOLD_MAX)
    bounds.check_count(len(hello.held_before), "hello.held_before", most=RENUMBERED_TOLD_MAX)
    bounds.check_count(sum(len(entry.ranges) for entry in hello.held_before), "hello.held_before ranges", most=HELD_RANGES_MAX)
    for renumbered in hello.renumbered:
        _check_former(renumbered.incarnation, renumbered.resource, "hello.renumbered")
        bounds.check_number(renumbered.base, "hello.renumbered base", most=bounds.SEQUENCE_MAX)
    for held in hello.held_before:
        _check_former(held.incarnation, held.resource, "hello.held_before")
        before = 0
        for first, last in held.ranges:
            bounds.check_number(first, "hello.held_before first", least=before + 1, most=bounds.SEQUENCE_MAX)
            before = bounds.check_number(last, "hello.held_before last", least=first, most=bounds.SEQUENCE_MAX)


def _check_former(incarnation: int, resource: str, field: str) -> None:
    bounds.check_number(incarnation, f"{field} incarnation", least=1)
    try:
        check_resource(resource)
    except ModelError as error:
        raise WireError(f"{field}: {error}") from None


def _check_positions(positions: tuple[Position, ...]) -> None:
    seen = set()
    for position in positions:
        key = (position.direction, position.lane)
        if key in seen:
            raise WireError(f"hello.positions refused: {position.direction.word} {position.lane.word} is named twice")
        seen.add(key)
        bounds.check_number(position.upto, "position.upto")
        bounds.check_digest(position.chain, "position.chain")


def _check_policy(policy: PolicyVersion) -> None:
    bounds.check_count(len(policy.components), "policy issuers", most=bounds.ISSUERS_MAX)
    before = ""
    for issuer, epoch in policy.components:
        try:
            check_node_id(issuer)
        except ModelError as error:
            raise WireError(f"policy.issuers: {error}") from None
        if issuer <= before:
            raise WireError(f"policy.issuers {issuer!r} refused: expected ascending issuers, it follows {before!r}")
        before = issuer
        bounds.check_number(epoch, f"policy.epochs of {issuer}")


def _check_time(at: HybridTime) -> None:
    bounds.check_number(at.wall_us, "sent_at.wall_us")
    bounds.check_number(at.counter, "sent_at.counter")
