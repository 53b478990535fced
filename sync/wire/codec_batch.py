"""Batches on the wire: headers with their run tables, manifests, frames.

Owns: the mapping between sync.model values and the generated messages, and the canonical bytes of a header. Refuses only what has
no structure; the sense is checked by check_batch. Called by codec and, for header digests, by the pipelines.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from google.protobuf.message import DecodeError

from sync.model import (
    BATCH_FORMAT,
    Batch,
    BatchHeader,
    ClockQuality,
    Direction,
    Frame,
    HybridTime,
    Lane,
    Limits,
    Manifest,
    ModelError,
    Run,
    Span,
    State,
    WireError,
)
from sync.wire import bounds
from sync.wire import yunnao_pb2 as pb

_STATES = {int(state): state for state in State}


def encode_header(header: BatchHeader) -> bytes:
    """The canonical bytes of a header: known fields in ascending number, defaults left out, names in order of first use.

    Every program of BATCH_FORMAT 1 writes the same bytes (pinned by golden fixtures), so their SHA-256 can be signed. Raises
    WireError for a number that the wire cannot carry.
    """
    try:
        return _header_message(header).SerializeToString(deterministic=True)
    except (ValueError, TypeError) as error:
        raise WireError(f"header of {header.resource!r} cannot be encoded: {error}") from error


def header_digest(header: BatchHeader) -> bytes:
    """SHA-256 over `encode_header`: a manifest's `header_sha256`."""
    return hashlib.sha256(encode_header(header)).digest()


def frame_message(frame: Frame) -> pb.Data:
    """A frame as its wire message."""
    batch = frame.batch
    return pb.Data(
        lane=frame.lane,
        direction=frame.direction,
        span=span_message(frame.span),
        part=frame.part,
        parts=frame.parts,
        header=encode_header(batch.header),
        payload=batch.payload,
        manifest=manifest_message(batch.manifest),
        origin_manifest=manifest_message(batch.origin_manifest),
    )


def read_frame(data: pb.Data, limits: Limits) -> Frame:
    """The frame in a wire message; raises WireError where a number is of no closed set or columns differ in length."""
    batch = Batch(
        header=decode_header(data.header, limits),
        payload=data.payload,
        manifest=read_manifest(data.manifest, "manifest") if data.HasField("manifest") else None,
        origin_manifest=read_manifest(data.origin_manifest, "origin_manifest") if data.HasField("origin_manifest") else None,
    )
    return Frame(
        lane=bounds.member(Lane, data.lane, "frame.lane"),
        direction=bounds.member(Direction, data.direction, "frame.direction"),
        span=read_span(data.span),
        part=data.part,
        parts=data.parts,
        batch=batch,
    )


def span_message(span: Span) -> pb.Span:
    """A span as its wire message."""
    return pb.Span(after=span.after, upto=span.upto)


def read_span(span: pb.Span) -> Span:
    """The span in a wire message."""
    return Span(after=span.after, upto=span.upto)


def decode_header(data: bytes, limits: Limits) -> BatchHeader:
    """The header in its canonical bytes, not yet checked for sense; raises WireError when there is none."""
    if len(data) > bounds.HEADER_BYTES_MAX:
        raise WireError(f"header of {len(data)} bytes refused: at most {bounds.HEADER_BYTES_MAX}")
    try:
        message = pb.BatchHeader.FromString(data)
    except DecodeError as error:
        raise WireError(f"header of {len(data)} bytes refused: not a batch header ({error})") from None
    if message.format != BATCH_FORMAT:
        kind = bounds.NotKnownError if message.format > BATCH_FORMAT else WireError
        raise kind(f"header.format {message.format} refused: this program reads batch format {BATCH_FORMAT}")
    return BatchHeader(
        resource=message.resource,
        lane=bounds.member(Lane, message.lane, "header.lane"),
        schema_version=message.schema_version,
        row_count=message.row_count,
        runs=_read_runs(message.runs, limits),
        payload_sha256=message.payload_sha256,
        payload_bytes=message.payload_bytes,
        decoded_bytes=message.decoded_bytes,
        event_time_min_us=message.event_time_min_us,
        event_time_max_us=message.event_time_max_us,
        grade_max=message.grade_max,
        territories=tuple(message.territories),
        direction=bounds.member(Direction, message.direction, "header.direction"),
        origin_distance=message.origin_distance,
        policy_version=message.policy_version,
        plan_hash=message.plan_hash,
        backfill=message.backfill,
    )


def _header_message(header: BatchHeader) -> pb.BatchHeader:
    return pb.BatchHeader(
        format=BATCH_FORMAT,
        resource=header.resource,
        lane=header.lane,
        schema_version=header.schema_version,
        row_count=header.row_count,
        runs=_run_table(header.runs),
        payload_sha256=header.payload_sha256,
        payload_bytes=header.payload_bytes,
        decoded_bytes=header.decoded_bytes,
        event_time_min_us=header.event_time_min_us,
        event_time_max_us=header.event_time_max_us,
        grade_max=header.grade_max,
        territories=header.territories,
        direction=header.direction,
        origin_distance=header.origin_distance,
        policy_version=header.policy_version,
        plan_hash=header.plan_hash,
        backfill=header.backfill,
    )


def _run_table(runs: Sequence[Run]) -> pb.RunTable:
    numbers: dict[str, int] = {"": 0}
    origins = [numbers.setdefault(run.origin, len(numbers)) for run in runs]
    reasons = [numbers.setdefault(run.reason, len(numbers)) for run in runs]
    deciders = [numbers.setdefault(run.decider, len(numbers)) for run in runs]
    return pb.RunTable(
        names=list(numbers)[1:],
        origin=origins,
        incarnation=[run.incarnation for run in runs],
        first=[run.first for run in runs],
        count=[run.last - run.first + 1 for run in runs],
        row_offset=[run.row_offset for run in runs],
        state=[run.state for run in runs],
        reason=reasons,
        decider=deciders,
        wall_us=[run.at.wall_us for run in runs],
        counter=[run.at.counter for run in runs],
        offset_us=[run.clock.offset_us for run in runs],
        uncertainty_us=[run.clock.uncertainty_us for run in runs],
    )


def _read_runs(table: pb.RunTable, limits: Limits) -> tuple[Run, ...]:
    size = len(table.origin)
    bounds.check_count(size, "runs", most=limits.runs_per_frame_max)
    _check_columns(table, size)
    bounds.check_count(len(table.names), "run names", most=3 * size)
    # Whole columns at once: asking a repeated field for each of its values takes as long as making the run.
    columns = (table.origin, table.incarnation, table.first, table.count, table.row_offset, table.state, table.reason, table.decider)
    rows = zip(*(column[:] for column in columns), _moments(table), strict=True)
    names = ("", *table.names)
    return tuple([_read_run(names, *row) for row in rows])


def _moments(table: pb.RunTable) -> Iterator[tuple[HybridTime, ClockQuality]]:
    """Time and clock of each run; runs sealed together, which are most, share the values."""
    known: dict[tuple[int, int, int, int], tuple[HybridTime, ClockQuality]] = {}
    for key in zip(table.wall_us[:], table.counter[:], table.offset_us[:], table.uncertainty_us[:], strict=True):
        moment = known.get(key)
        if moment is None:
            moment = known[key] = HybridTime(key[0], key[1]), ClockQuality(key[2], key[3])
        yield moment


def _check_columns(table: pb.RunTable, size: int) -> None:
    for field in pb.RunTable.DESCRIPTOR.fields:
        found = len(getattr(table, field.name))
        if field.name != "names" and found != size:
            raise WireError(f"runs.{field.name} of {found} values refused: expected {size}, one for each run")


def _read_run(
    names: tuple[str, ...], origin: int, incarnation: int, first: int, count: int, row_offset: int, state: int, reason: int, decider: int,
    moment: tuple[HybridTime, ClockQuality],
) -> Run:  # fmt: skip
    known = _STATES.get(state)
    if known is None:
        known = bounds.member(State, state, "runs.state")
    try:
        return Run(names[origin], incarnation, first, first + count - 1, row_offset, known, names[reason], names[decider], *moment)
    except IndexError:
        raise WireError(f"runs name {max(origin, reason, decider)} refused: the table has {len(names) - 1} names") from None
    except ModelError as error:
        raise WireError(f"runs: {error}") from None


def manifest_message(manifest: Manifest | None) -> pb.Manifest | None:
    """A manifest as its wire message."""
    if manifest is None:
        return None
    return pb.Manifest(
        issuer=manifest.issuer,
        header_sha256=manifest.header_sha256,
        inputs=b"".join(manifest.inputs),
        signature=manifest.signature,
    )


def read_manifest(manifest: pb.Manifest, field: str) -> Manifest:
    """The manifest in its wire message; `field` names it in an error."""
    inputs, size = manifest.inputs, bounds.DIGEST_BYTES
    if len(inputs) % size:
        raise WireError(f"{field}.inputs of {len(inputs)} bytes refused: expected a multiple of {size}")
    return Manifest(
        issuer=manifest.issuer,
        header_sha256=manifest.header_sha256,
        inputs=tuple(inputs[start : start + size] for start in range(0, len(inputs), size)),
        signature=manifest.signature,
    )
