"""Usage rows added up: how a model did over days, nodes and territories, by its newest rows.

Owns the SQL, asked of the mart of `model-usage`, where rows lie as their nodes sent them: what is negative, not a number or out of its
steps counts as nothing. Called by the usage desk on the node's DuckDB thread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edge_ai.models.usage import quantile_ms
from edge_ai.wire.states import LATENCY_STEPS
from node.store.mart import Mart

RESOURCE = "model-usage"
GROUPS_MAX = 1_000
SUMS = ("frames", "detections", "failures", "events", "false_alarms", "confirmed", "rollbacks")
PARTS: Mapping[str, str] = {"version": "''", "node": '"_origin"', "day": "day"}
"""What one line is about, beside the version: nothing more, a node, or a day."""

Plain = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageQuestion:
    """What is wanted."""

    algorithm: str
    first_day: str
    by: str = "version"
    territory: str = ""
    """Nodes in it and below; empty: all."""
    grade_max: int = 2


def folded(mart: Mart, question: UsageQuestion) -> list[Plain]:
    """One line for each model and part, the busiest first. Raises MartError."""
    if not mart.has(RESOURCE):
        return []
    values = [question.algorithm, question.first_day, question.grade_max, question.territory]
    part = PARTS[question.by]
    rows = mart.query(_sums(mart, part), values).to_pylist()
    steps: dict[tuple[str, str], dict[int, int]] = {}
    for row in mart.query(_steps(mart, part), values).to_pylist():
        steps.setdefault(_key(row), {})[int(row["step"])] = int(row["pictures"])
    return [_line(row, steps.get(_key(row), {})) for row in rows]


def _line(row: Plain, steps: Mapping[int, int]) -> Plain:
    frames, judged = int(row["frames"]), int(row["false_alarms"]) + int(row["confirmed"])
    return {
        **{name: row[name] for name in ("version", "algorithm_sha256", "part")},
        **{name: int(row[name]) for name in ("nodes", "cameras", *SUMS)},
        "detections_per_1000": round(1_000 * int(row["detections"]) / frames, 1) if frames else None,
        "ms_p50": quantile_ms(steps, 0.5),
        "ms_p95": quantile_ms(steps, 0.95),
        "false_share": round(int(row["false_alarms"]) / judged, 3) if judged else None,
    }


def _key(row: Plain) -> tuple[str, str]:
    return (str(row["algorithm_sha256"]), str(row["part"]))


def _chosen(mart: Mart) -> str:
    """Each entry once: what was told twice after a crash is taken from the row that counted more."""
    return (
        f"SELECT * FROM {mart.table(RESOURCE)} WHERE algorithm = ? AND day >= ? AND grade <= ? AND starts_with(territory, ?) "
        f"QUALIFY row_number() OVER (PARTITION BY _origin, usage_id ORDER BY frames DESC, event_time DESC, _lsn DESC) = 1"
    )


def _sums(mart: Mart, part: str) -> str:
    inner = ", ".join(f"sum(greatest({name}, 0)) AS {name}" for name in SUMS)
    outer = ", ".join(f"sum({name}) AS {name}" for name in SUMS)
    return (
        f"SELECT max(version) AS version, algorithm_sha256, part, count(*) AS nodes, sum(cameras) AS cameras, {outer} FROM ("
        f"SELECT max(version) AS version, algorithm_sha256, {part} AS part, _origin, max(greatest(cameras, 0)) AS cameras, {inner} "
        f"FROM ({_chosen(mart)}) GROUP BY ALL) GROUP BY ALL ORDER BY frames DESC, version, part LIMIT {GROUPS_MAX}"
    )


def _steps(mart: Mart, part: str) -> str:
    return (
        f"SELECT algorithm_sha256, part, step, sum(pictures) AS pictures FROM ("
        f"SELECT algorithm_sha256, {part} AS part, TRY_CAST(split_part(item, ':', 1) AS INTEGER) AS step, "
        f"greatest(TRY_CAST(split_part(item, ':', 2) AS BIGINT), 0) AS pictures "
        f"FROM (SELECT *, unnest(string_split(left(latencies, 2000), ' ')) AS item FROM ({_chosen(mart)}))"
        f") WHERE step BETWEEN 0 AND {LATENCY_STEPS - 1} AND pictures > 0 GROUP BY ALL"
    )


def row_values(names: Sequence[str], cells: Mapping[str, object]) -> tuple[object, ...]:
    """The cells in the order of a catalogue's columns; a column that is not known here stays empty."""
    return tuple(cells.get(name) for name in names)
