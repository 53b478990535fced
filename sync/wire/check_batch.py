"""What a frame must be before it is sent and before anything is done with it: pure checks over sync.model values.

Owns: the sense of runs, headers, manifests and frames. Refuses with WireError. Called by codec_batch at both ends, so that
a mistake of our own shows at the sender.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

from sync.model import BatchHeader, Frame, Limits, Manifest, ModelError, Run, Span, State, WireError, check_node_id, check_resource
from sync.wire import bounds

_MOST, _LAST_MOST = bounds.NUMBER_MAX, bounds.SEQUENCE_MAX
_PRESENT = State.PRESENT

Numbering = tuple[str, int]
"""Origin and incarnation: what makes a stream inside one batch, which has one lane and one resource."""


def check_frame(frame: Frame, limits: Limits) -> None:
    """Raise WireError when a frame contradicts itself or a limit."""
    bounds.check_number(frame.parts, "frame.parts", least=1, most=bounds.PARTS_MAX)
    bounds.check_number(frame.part, "frame.part", most=frame.parts - 1)
    check_span(frame.span)
    header, batch = frame.batch.header, frame.batch
    check_header(header, limits)
    if header.lane is not frame.lane:
        raise WireError(f"header.lane {header.lane.word} refused: the frame is of lane {frame.lane.word}")
    if len(batch.payload) != header.payload_bytes:
        raise WireError(f"payload of {len(batch.payload)} bytes refused: the header says {header.payload_bytes}")
    for manifest, field in ((batch.manifest, "manifest"), (batch.origin_manifest, "origin_manifest")):
        if manifest is not None:
            check_manifest(manifest, field, limits)


def check_span(span: Span) -> None:
    """Raise WireError when a span runs backwards or out of numbers."""
    bounds.check_number(span.upto, "span.upto")
    bounds.check_number(span.after, "span.after", most=span.upto)


def check_manifest(manifest: Manifest, field: str, limits: Limits) -> None:
    """Raise WireError when a manifest cannot be one; the signature itself is checked by a Vouch."""
    _check_name(manifest.issuer, f"{field}.issuer")
    bounds.check_digest(manifest.header_sha256, f"{field}.header_sha256")
    bounds.check_count(len(manifest.inputs), f"{field}.inputs", most=limits.job_batches_max)
    for entry in manifest.inputs:
        bounds.check_digest(entry, f"{field}.inputs")
    if len(manifest.signature) != bounds.SIGNATURE_BYTES:
        raise WireError(f"{field}.signature of {len(manifest.signature)} bytes refused: expected {bounds.SIGNATURE_BYTES}")


def check_header(header: BatchHeader, limits: Limits) -> None:
    """Raise WireError when a header contradicts itself or a limit."""
    try:
        check_resource(header.resource)
    except ModelError as error:
        raise WireError(f"header.resource: {error}") from None
    _check_sizes(header, limits)
    _check_statistics(header, limits)
    bounds.check_digest(header.payload_sha256, "header.payload_sha256")
    bounds.check_digest(header.policy_version, "header.policy_version", may_be_empty=True)
    bounds.check_digest(header.plan_hash, "header.plan_hash", may_be_empty=True)
    bounds.check_count(len(header.runs), "runs", most=limits.runs_per_frame_max)
    _check_runs(header.runs)
    _check_order(header.runs, backfill=header.backfill)
    _check_rows(header.runs, header.row_count)


def _check_sizes(header: BatchHeader, limits: Limits) -> None:
    bounds.check_number(header.schema_version, "header.schema_version")
    bounds.check_number(header.row_count, "header.row_count", most=limits.batch_rows_max)
    bounds.check_number(header.payload_bytes, "header.payload_bytes", most=limits.frame_bytes_max)
    bounds.check_number(header.decoded_bytes, "header.decoded_bytes", most=limits.decoded_bytes_max)
    if (header.row_count == 0) != (header.payload_bytes == 0):
        raise WireError(f"header.payload_bytes {header.payload_bytes} refused: the batch has {header.row_count} rows")


def _check_statistics(header: BatchHeader, limits: Limits) -> None:
    earliest, latest = header.event_time_min_us, header.event_time_max_us
    bounds.check_number(earliest, "header.event_time_min_us", least=-bounds.NUMBER_MAX)
    bounds.check_number(latest, "header.event_time_max_us", least=earliest)
    bounds.check_number(header.grade_max, "header.grade_max", most=bounds.GRADE_MAX)
    bounds.check_number(header.origin_distance, "header.origin_distance", most=bounds.DISTANCE_MAX)
    bounds.check_count(len(header.territories), "territories", most=limits.territories_per_batch_max)
    for code in header.territories:
        if len(code) > bounds.TERRITORY_CHARS_MAX or (code and not (code.isascii() and code.isdigit())):
            raise WireError(f"header.territories {code[:40]!r} refused: expected up to {bounds.TERRITORY_CHARS_MAX} digits")
    if any(left >= right for left, right in zip(header.territories, header.territories[1:], strict=False)):
        raise WireError(f"header.territories {header.territories[:4]} refused: expected ascending codes without repetition")


def _check_runs(runs: Sequence[Run]) -> None:
    """A batch may have thousands of runs of a few nodes: each name is judged once, and what is in order is seen at one comparison."""
    names: set[str] = {""}
    for index, run in enumerate(runs):
        if run.origin not in names or not run.origin:
            _check_name(run.origin, f"runs[{index}].origin")
            names.add(run.origin)
        if run.decider not in names:
            _check_name(run.decider, f"runs[{index}].decider")
            names.add(run.decider)
        if not (
            run.incarnation >= 1 <= run.last <= _LAST_MOST
            and run.incarnation <= _MOST
            and 0 <= run.at.wall_us <= _MOST
            and 0 <= run.at.counter <= _MOST
            and -_MOST <= run.clock.offset_us <= _MOST
            and 0 <= run.clock.uncertainty_us <= _MOST
        ):
            _refuse_numbers(run, f"runs[{index}]")
        if run.state is not _PRESENT or run.reason or run.decider:
            _check_state(run, f"runs[{index}]")


def _refuse_numbers(run: Run, field: str) -> None:
    bounds.check_number(run.incarnation, f"{field}.incarnation", least=1)
    bounds.check_number(run.last, f"{field}.last", most=bounds.SEQUENCE_MAX)
    bounds.check_number(run.at.wall_us, f"{field}.wall_us")
    bounds.check_number(run.at.counter, f"{field}.counter")
    bounds.check_number(run.clock.offset_us, f"{field}.offset_us", least=-bounds.NUMBER_MAX)
    bounds.check_number(run.clock.uncertainty_us, f"{field}.uncertainty_us")


def _check_state(run: Run, field: str) -> None:
    if run.state is State.PENDING:
        raise WireError(f"{field}.state PENDING refused: a run says what became of its records")
    if run.state is _PRESENT:
        raise WireError(f"{field}.reason {run.reason[:40]!r} by {run.decider[:40]!r} refused: the records are present")
    bounds.check_text(run.reason, f"{field}.reason", chars_max=bounds.REASON_CLASS_CHARS_MAX)


def _check_order(runs: Sequence[Run], *, backfill: bool) -> None:
    """No number twice; ascending inside each stream, unless the batch is a backfill, which is exempt from the order."""
    last: dict[Numbering, int] = {}
    ordered = sorted(runs, key=lambda run: run.first) if backfill else runs
    for run in ordered:
        stream = (run.origin, run.incarnation)
        if run.first <= last.get(stream, 0):
            raise WireError(f"run {run.first}..{run.last} of {run.origin} refused: the stream's runs reached {last[stream]} before it")
        last[stream] = run.last


def _check_rows(runs: Sequence[Run], row_count: int) -> None:
    """Every row of the payload belongs to exactly one run."""
    row = 0
    for run in sorted((run for run in runs if run.row_offset >= 0), key=attrgetter("row_offset")):
        if run.row_offset != row:
            fault = "overlaps the run before it" if run.row_offset < row else f"leaves row {row} in no run"
            raise WireError(f"run {run.first}..{run.last} of {run.origin} refused: row_offset {run.row_offset} {fault}")
        row += run.count
        if row > row_count:
            raise WireError(f"run {run.first}..{run.last} of {run.origin} refused: its rows end at {row}, row_count is {row_count}")
    if row != row_count:
        raise WireError(f"header.row_count {row_count} refused: the runs account for {row} rows")


def _check_name(name: str, field: str) -> None:
    try:
        check_node_id(name)
    except ModelError as error:
        raise WireError(f"{field}: {error}") from None
