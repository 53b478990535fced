"""The report of a simulated city: one HTML file with plots, readable offline and in print."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from node.texts import text
from simulations.planning.city import Look, NodeState
from simulations.planning.plots import Plot, svg
from sync.model import Level

WORST_SHOWN = 12
"""Nodes in the table of the latest."""

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1c1c1c; }
svg { width: 100%; height: auto; font: 11px system-ui, sans-serif; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: right; padding: .2rem .6rem; border-bottom: 1px solid #ddd; }
td:first-child, th:first-child, td:nth-child(2), th:nth-child(2) { text-align: left; }
code { background: #f3f3f3; padding: .1rem .3rem; }
"""


@dataclass(frozen=True, slots=True)
class Report:
    """What a run of a city left."""

    command: str
    """The line that runs it again."""
    looks: Sequence[Look]
    language: str


def html(report: Report) -> str:
    """The whole page."""

    def words(key: str) -> str:
        return text(f"plan.report_{key}", report.language)

    looks, title = report.looks, escape(words("title"))
    times, records = [look.at_s for look in looks], text("plan.unit_records", report.language)
    plots = [
        Plot(words("pending"), records, _by_level(looks, _sum(lambda node: node.pending)), times),
        Plot(words("oldest"), "s", _by_level(looks, _most(lambda node: node.oldest_s)), times),
        Plot(words("used"), "%", _by_level(looks, _most(lambda node: 100 * (1 - node.spare))), times),
        Plot(words("records"), records, {"": [look.nodes[0].records for look in looks]}, times),
    ]
    sections = "\n".join(f"<h2>{escape(plot.title)}</h2>\n{svg(plot)}" for plot in plots)
    return "\n".join(
        [
            f'<!doctype html><html lang="{report.language}"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>',
            f"<h1>{title}</h1><p>{escape(words('again'))} <code>{escape(report.command)}</code></p>",
            sections,
            f"<h2>{escape(words('latest'))}</h2>",
            f"{_table(report)}</html>\n",
        ]
    )


def _by_level(looks: Sequence[Look], measure: Callable[[list[NodeState]], float]) -> dict[str, list[float]]:
    levels = [level.word for level in sorted(Level, reverse=True) if any(node.level == level.word for node in looks[0].nodes[1:])]
    return {level: [measure([node for node in look.nodes if node.level == level]) for look in looks] for level in levels}


def _sum(value: Callable[[NodeState], float]) -> Callable[[list[NodeState]], float]:
    return lambda nodes: sum(value(node) for node in nodes)


def _most(value: Callable[[NodeState], float]) -> Callable[[list[NodeState]], float]:
    return lambda nodes: max((value(node) for node in nodes), default=0.0)


def _table(report: Report) -> str:
    latest = sorted(report.looks[-1].nodes, key=lambda node: (-node.oldest_s, -node.pending, node.node))[:WORST_SHOWN]
    head = "".join(f"<th>{escape(name)}</th>" for name in text("plan.state_columns", report.language).split("|"))
    rows = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in state_cells(node)) + "</tr>" for node in latest)
    return f"<table><tr>{head}</tr>{rows}</table>"


def state_cells(node: NodeState) -> tuple[object, ...]:
    """One node's state as the cells of a row, under `plan.state_columns`."""
    return node.node, node.level, node.records, node.pending, f"{node.oldest_s:.1f}", node.sent_bytes, f"{100 * (1 - node.spare):.0f}"
