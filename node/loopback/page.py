"""A page that is one text: markup with its words and its data filled in, and the policy that lets nothing else run in it.

Owns the places that are filled (`@NONCE@`, `@LANGUAGE@`, `@DATA@`) and how data gets into a script without being able to end it. Called by
the pages of node/cameras.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

import msgspec

from node.identity.chance import new_nonce
from node.loopback.http import Reply

_ESCAPED = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


@dataclass(frozen=True, slots=True)
class Page:
    """One page."""

    package: str
    """Where its file lies."""
    name: str
    language: str
    data: dict[str, object]
    """What its script knows from the start: words for people, names; plain values."""

    def reply(self) -> Reply:
        """The page with a nonce of its own."""
        nonce, data = new_nonce().hex(), msgspec.json.encode(self.data).decode()
        for char, escaped in _ESCAPED.items():
            data = data.replace(char, escaped)
        text = (resources.files(self.package) / self.name).read_text("utf-8")
        filled = text.replace("@NONCE@", nonce).replace("@LANGUAGE@", self.language).replace("@DATA@", data)
        policy = f"default-src 'none'; img-src 'self'; connect-src 'self'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'"
        return Reply("text/html; charset=utf-8", filled.encode(), policy)
