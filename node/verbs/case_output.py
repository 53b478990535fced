"""How verbs print what every case has: its history, and the law it stands on. Called by the verbs of the kinds of cases."""

from __future__ import annotations

from node.texts import text
from node.verbs.output import list_of, moment_text, print_line, print_table, table_of

HISTORY_KEYS = ("fact", "by", "node", "why", "fault")
BASIS_KEYS = ("instrument", "article", "quote")


def print_history(case: dict[str, object], area: str, language: str) -> None:
    """What was said about a case, oldest first, under the headings `<area>.history_columns`."""
    rows = [[moment_text(one.get("at_us")), *(one.get(key) for key in HISTORY_KEYS)] for one in list_of(case.get("history"))]
    print_table(text(f"{area}.history_columns", language).split("|"), rows)


def print_basis(basis: object, area: str, language: str) -> None:
    """The law in one line, by the text `<area>.basis`."""
    read = table_of(basis)
    print_line(text(f"{area}.basis", language, **{key: read.get(key, "") for key in BASIS_KEYS}))
