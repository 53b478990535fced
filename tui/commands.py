"""What may be typed after `:`: a list by name in either language, by pinyin initials or by its beginning, or a thing to open. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from node.texts import LANGUAGES, text
from tui.desk import Desk
from tui.keys import SECTION_NAMES, TABS
from tui.palette import PALETTES
from tui.pinyin import initials
from tui.questions import RESOURCES

ENTRY_PREFIX = "NL-"
"""Before the id of a case in the id of its entry; people have either at hand."""

LOG = "log"
"""Section whose rows the node filters by what follows the word."""


@dataclass(frozen=True, slots=True)
class Target:
    """A page and what it is about; an empty page means that nothing was typed."""

    page: str
    about: str = ""


def command_target(command: str, desk: Desk) -> Target | None:
    """Where `command` leads; None when nothing answers to it."""
    head, _, rest = command.strip().partition(" ")
    rest = rest.strip()
    if not head:
        return Target("")
    if rest:
        return _thing(head.lower(), rest, desk)
    return _plain(head.lower()) or _node(command.strip(), desk)


def _plain(word: str) -> Target | None:
    if word in ("q", "quit", "exit"):
        return Target("quit")
    for name in (*(name for name, _ in TABS), "help"):
        titles = [text(f"console.page_{name}", language).lower() for language in LANGUAGES]
        if any(known.startswith(word) for known in (name, *titles, *(initials(title) for title in titles))):
            return Target(name)
    return _section(word)


def _section(word: str) -> Target | None:
    for page, sections in SECTION_NAMES.items():
        for name in sections:
            titles = [text(f"console.section_{name}", language).lower() for language in LANGUAGES]
            if any(known.startswith(word) for known in (name, *titles, *(initials(title) for title in titles))):
                return Target(page, name)
    return None


def _thing(kind: str, about: str, desk: Desk) -> Target | None:
    if kind == "theme":
        return Target("theme", about) if about in PALETTES else None
    if kind == "node":
        return _node(about, desk)
    if kind == "entry":
        return Target("entry", about.removeprefix(ENTRY_PREFIX))
    if kind in SECTION_NAMES["governance"][1:]:
        return Target("matter", f"{kind}/{about}")
    if kind == LOG:
        return Target("oversight", f"{LOG} {about}")
    catalogue = desk.seen(RESOURCES).value
    if kind == "resource" and (catalogue is None or any(resource.code == about for resource in catalogue.resources)):
        return Target("resource", about)
    return None


def _node(wanted: str, desk: Desk) -> Target | None:
    tree = desk.tree().value
    found = [node for node in tree.nodes if wanted in (node.id, node.name)] if tree else []
    return Target("node", found[0].id) if found else None
