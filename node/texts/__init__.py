"""The message catalogue: every text a person reads, in Chinese and English, by key.

One TOML file per language and area (`zh/console.toml`, `en/console.toml`); a key is `area.name`. Placeholders are `{name}`. The English
of the area `reason` is edge_ai/sentences.py, because the processes that give reasons log in English and know nothing of the node.
A test checks that both languages have the same keys and placeholders.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources

from edge_ai.sentences import SENTENCES

LANGUAGES = ("zh", "en")
"""Languages that every text exists in."""


class TextMissing(KeyError):
    """A key that the catalogue does not have: a programmer's error."""


@cache
def catalogue(language: str) -> dict[str, str]:
    """All texts of one language by `area.name`."""
    if language not in LANGUAGES:
        raise ValueError(f"language {language!r} is not one of {', '.join(LANGUAGES)}")
    folder = resources.files(__package__) / language
    texts = {f"reason.{code}": sentence for code, sentence in SENTENCES.items()} if language == "en" else {}
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if entry.name.endswith(".toml"):
            area = entry.name.removesuffix(".toml")
            texts |= {f"{area}.{name}": value for name, value in tomllib.loads(entry.read_text("utf-8")).items()}
    return texts


def text(key: str, language: str, **values: object) -> str:
    """The text of `key` with its placeholders filled; raises TextMissing for a key nobody wrote."""
    try:
        template = catalogue(language)[key]
    except KeyError:
        raise TextMissing(f"no text {key!r} in language {language!r}: add it to node/texts/{language}/") from None
    return template.format(**values) if values else template
