"""The messages other than data on the wire: one writer and one reader for each.

Owns: the mapping only; the sense is checked by check_messages. Called by codec.
"""

from __future__ import annotations

from collections.abc import Sequence

from sync.core.messages import Ack, Answer, Bundles, Heard, Heartbeat, Hello, InForce, Orders, Position, Query, Refused, Stop, Wants
from sync.model import LIVES_TOLD_MAX, Direction, HybridTime, Lane, Level, Life, PolicyVersion, WireError
from sync.model.renumbering import HELD_RANGES_MAX, RENUMBERED_TOLD_MAX, HeldBefore, Renumbered
from sync.wire import bounds
from sync.wire import yunnao_pb2 as pb
from sync.wire.codec_batch import manifest_message, read_manifest, read_span, span_message

_LANES, _DIRECTIONS = frozenset(int(lane) for lane in Lane), frozenset(int(direction) for direction in Direction)


def hello_message(hello: Hello) -> pb.Hello:
    """A Hello as its wire message."""
    return pb.Hello(
        node=hello.node,
        incarnation=hello.incarnation,
        level=hello.level,
        territory=hello.territory,
        policy=_policy_message(hello.policy),
        positions=[_position_message(position) for position in hello.positions],
        for_incarnation=hello.for_incarnation,
        protocol_oldest=hello.protocol_oldest,
        protocol_newest=hello.protocol_newest,
        software=hello.software,
        sent_at=_time_message(hello.sent_at),
        lives=[pb.Life(id=life.id, after=life.after) for life in hello.lives],
        known_lives=[pb.Life(id=life.id, after=life.after) for life in hello.known_lives],
        fork_proof=manifest_message(hello.fork_proof),
        reseed=hello.reseed,
        renumbered=[_renumbered_message(entry) for entry in hello.renumbered],
        held_before=[_held_message(entry) for entry in hello.held_before],
        heard=[pb.Heard(direction=heard.direction, lane=heard.lane, upto=heard.upto, part=heard.part) for heard in hello.heard],
        wants=wants_message(hello.wants) if hello.wants is not None else None,
        takes_envelopes=hello.takes_envelopes,
        above_age_us=hello.above_age_us,
    )


def read_hello(hello: pb.Hello) -> Hello:
    """The Hello in its wire message."""
    bounds.check_count(len(hello.positions), "hello.positions", most=bounds.POSITIONS_MAX)
    return Hello(
        node=hello.node,
        incarnation=hello.incarnation,
        level=bounds.member(Level, hello.level, "hello.level"),
        territory=hello.territory,
        policy=_read_policy(hello.policy),
        positions=tuple(_read_position(position) for position in hello.positions if _is_known(position)),
        for_incarnation=hello.for_incarnation,
        protocol_oldest=hello.protocol_oldest,
        protocol_newest=hello.protocol_newest,
        software=hello.software,
        sent_at=_read_time(hello.sent_at),
        lives=_read_lives(hello.lives, "hello.lives"),
        known_lives=_read_lives(hello.known_lives, "hello.known_lives"),
        fork_proof=read_manifest(hello.fork_proof, "hello.fork_proof") if hello.HasField("fork_proof") else None,
        reseed=hello.reseed,
        renumbered=_read_renumbered(hello.renumbered),
        held_before=_read_held(hello.held_before),
        heard=_read_heard(hello.heard),
        wants=read_wants(hello.wants) if hello.HasField("wants") else None,
        takes_envelopes=hello.takes_envelopes,
        above_age_us=hello.above_age_us if hello.HasField("above_age_us") else None,
    )


def _renumbered_message(entry: Renumbered) -> pb.Renumbered:
    return pb.Renumbered(incarnation=entry.incarnation, lane=entry.lane, resource=entry.resource, base=entry.base)


def _held_message(entry: HeldBefore) -> pb.HeldBefore:
    firsts, counts = [first for first, _ in entry.ranges], [last - first + 1 for first, last in entry.ranges]
    return pb.HeldBefore(incarnation=entry.incarnation, lane=entry.lane, resource=entry.resource, first=firsts, count=counts)


def _read_renumbered(entries: Sequence[pb.Renumbered]) -> tuple[Renumbered, ...]:
    bounds.check_count(len(entries), "hello.renumbered", most=RENUMBERED_TOLD_MAX)
    known = [entry for entry in entries if entry.lane in _LANES]
    return tuple(Renumbered(entry.incarnation, Lane(entry.lane), entry.resource, entry.base) for entry in known)


def _read_held(entries: Sequence[pb.HeldBefore]) -> tuple[HeldBefore, ...]:
    bounds.check_count(len(entries), "hello.held_before", most=RENUMBERED_TOLD_MAX)
    bounds.check_count(sum(len(entry.first) for entry in entries), "hello.held_before ranges", most=HELD_RANGES_MAX)
    held = []
    for entry in entries:
        bounds.check_number(len(entry.count), "hello.held_before.count", least=len(entry.first), most=len(entry.first))
        ranges = tuple((first, first + count - 1) for first, count in zip(entry.first, entry.count, strict=True))
        if entry.lane in _LANES:
            held.append(HeldBefore(entry.incarnation, Lane(entry.lane), entry.resource, ranges))
    return tuple(held)


def _read_heard(entries: Sequence[pb.Heard]) -> tuple[Heard, ...]:
    bounds.check_count(len(entries), "hello.heard", most=bounds.POSITIONS_MAX)
    known = [entry for entry in entries if entry.lane in _LANES and entry.direction in _DIRECTIONS]
    return tuple(Heard(Direction(entry.direction), Lane(entry.lane), entry.upto, entry.part) for entry in known)


def _read_lives(lives: Sequence[pb.Life], field: str) -> tuple[Life, ...]:
    bounds.check_count(len(lives), field, most=LIVES_TOLD_MAX)
    return tuple(Life(life.id, life.after) for life in lives)


def ack_message(ack: Ack) -> pb.Ack:
    """An Ack as its wire message."""
    return pb.Ack(direction=ack.direction, lane=ack.lane, stored=ack.stored, secured=ack.secured)


def read_ack(ack: pb.Ack) -> Ack:
    """The Ack in its wire message."""
    direction, lane = bounds.member(Direction, ack.direction, "ack.direction"), bounds.member(Lane, ack.lane, "ack.lane")
    return Ack(direction=direction, lane=lane, stored=ack.stored, secured=ack.secured)


def refused_message(refused: Refused) -> pb.Refused:
    """A Refused as its wire message; a long reason is cut."""
    return pb.Refused(
        direction=refused.direction,
        lane=refused.lane,
        span=span_message(refused.span),
        part=refused.part,
        reason=bounds.cut(refused.reason),
        policy=_policy_message(refused.policy),
        quarantine=refused.quarantine,
        under=refused.under,
        program=refused.program,
    )


def read_refused(refused: pb.Refused) -> Refused:
    """The Refused in its wire message."""
    return Refused(
        direction=bounds.member(Direction, refused.direction, "refused.direction"),
        lane=bounds.member(Lane, refused.lane, "refused.lane"),
        span=read_span(refused.span),
        part=refused.part,
        reason=bounds.cut(refused.reason),
        policy=_read_policy(refused.policy),
        quarantine=refused.quarantine,
        under=refused.under,
        program=refused.program,
    )


def in_force_message(in_force: InForce) -> pb.InForce:
    """An InForce as its wire message."""
    return pb.InForce(policy=_policy_message(in_force.policy), over=in_force.over)


def read_in_force(in_force: pb.InForce) -> InForce:
    """The InForce in its wire message."""
    bounds.check_count(len(in_force.over), "in_force.over", most=bounds.OVER_MAX)
    return InForce(policy=_read_policy(in_force.policy), over=tuple(in_force.over))


def bundles_message(bundles: Bundles) -> pb.Bundles:
    """Bundles as their wire message."""
    return pb.Bundles(bundles=bundles.bundles, slices=bundles.slices)


def read_bundles(bundles: pb.Bundles) -> Bundles:
    """The Bundles in their wire message."""
    return Bundles(bundles=tuple(bundles.bundles), slices=tuple(bundles.slices))


def wants_message(wants: Wants) -> pb.Wants:
    """Wants as its wire message."""
    return pb.Wants(resources=wants.resources, have=wants.have, lacking=wants.lacking)


def read_wants(wants: pb.Wants) -> Wants:
    """The Wants in its wire message."""
    bounds.check_count(len(wants.resources), "wants.resources", most=bounds.WANTED_MAX)
    return Wants(tuple(wants.resources), wants.have, wants.lacking)


def orders_message(orders: Orders) -> pb.Orders:
    """Orders as their wire message."""
    return pb.Orders(orders=orders.orders)


def read_orders(orders: pb.Orders) -> Orders:
    """The Orders in their wire message."""
    return Orders(orders=tuple(orders.orders))


def heartbeat_message(heartbeat: Heartbeat) -> pb.Heartbeat:
    """A Heartbeat as its wire message."""
    return pb.Heartbeat(
        statuses=heartbeat.statuses,
        sent_at=_time_message(heartbeat.sent_at),
        reseeded=heartbeat.reseeded,
        above_age_us=heartbeat.above_age_us,
    )


def read_heartbeat(heartbeat: pb.Heartbeat) -> Heartbeat:
    """The Heartbeat in its wire message."""
    age_us = heartbeat.above_age_us if heartbeat.HasField("above_age_us") else None
    return Heartbeat(statuses=heartbeat.statuses, sent_at=_read_time(heartbeat.sent_at), reseeded=heartbeat.reseeded, above_age_us=age_us)


def query_message(query: Query) -> pb.Query:
    """A Query as its wire message."""
    return pb.Query(id=query.id, verb=query.verb, body=query.body)


def read_query(query: pb.Query) -> Query:
    """The Query in its wire message."""
    return Query(id=query.id, verb=query.verb, body=query.body)


def answer_message(answer: Answer) -> pb.Answer:
    """An Answer as its wire message; a long error is cut."""
    return pb.Answer(id=answer.id, body=answer.body, error=bounds.cut(answer.error))


def read_answer(answer: pb.Answer) -> Answer:
    """The Answer in its wire message."""
    return Answer(id=answer.id, body=answer.body, error=bounds.cut(answer.error))


def stop_message(stop: Stop) -> pb.Stop:
    """A Stop as its wire message; a long reason is cut."""
    return pb.Stop(reason=bounds.cut(stop.reason), order=stop.order)


def read_stop(stop: pb.Stop) -> Stop:
    """The Stop in its wire message."""
    return Stop(reason=bounds.cut(stop.reason), order=stop.order)


def _position_message(position: Position) -> pb.Position:
    return pb.Position(direction=position.direction, lane=position.lane, upto=position.upto, chain=position.chain)


def _is_known(position: pb.Position) -> bool:
    """False for a lane or direction of a newer program: nothing of it is here, so its position says nothing."""
    return position.lane in _LANES and position.direction in _DIRECTIONS


def _read_position(position: pb.Position) -> Position:
    return Position(
        direction=bounds.member(Direction, position.direction, "position.direction"),
        lane=bounds.member(Lane, position.lane, "position.lane"),
        upto=position.upto,
        chain=position.chain,
    )


def _policy_message(policy: PolicyVersion) -> pb.PolicyVersion:
    issuers = [issuer for issuer, _ in policy.components]
    return pb.PolicyVersion(issuers=issuers, epochs=[epoch for _, epoch in policy.components], digest=policy.digest)


def _read_policy(policy: pb.PolicyVersion) -> PolicyVersion:
    if len(policy.issuers) != len(policy.epochs):
        raise WireError(f"policy.epochs of {len(policy.epochs)} values refused: there are {len(policy.issuers)} issuers")
    version = PolicyVersion(tuple(zip(policy.issuers, policy.epochs, strict=True)))
    if policy.digest != version.digest:
        raise WireError(f"policy.digest {policy.digest[:8].hex()} refused: the vector's is {version.digest[:8].hex()}")
    return version


def _time_message(at: HybridTime) -> pb.HybridTime:
    return pb.HybridTime(wall_us=at.wall_us, counter=at.counter)


def _read_time(at: pb.HybridTime) -> HybridTime:
    return HybridTime(at.wall_us, at.counter)
