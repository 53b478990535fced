"""No package that a running node needs is under the GPL or the AGPL; judged by the installed metadata."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterator
from importlib.metadata import Distribution

import pytest
from packaging.requirements import Requirement

from tests.house.tree import ROOT

STRONG_COPYLEFT = re.compile(r"(?<!lesser )(?<!library )\b(?:affero|general public licen[cs]e)|(?<![\w])a?gpl", re.IGNORECASE)


def locked(lock: str) -> list[Requirement]:
    """The requirements of a lock file that apply to this Python and machine."""
    lines = (line.rstrip("\\ ") for line in (ROOT / lock).read_text("utf-8").splitlines() if line[:1].isalnum())
    return [requirement for requirement in map(Requirement, lines) if requirement.marker is None or requirement.marker.evaluate()]


def licence_words(distribution: Distribution) -> Iterator[str]:
    """What the metadata of a distribution says about its licence, from the most to the least binding field."""
    metadata = distribution.metadata
    expressions = metadata.get_all("License-Expression", [])
    classifiers = [value for value in metadata.get_all("Classifier", []) if value.startswith("License ::")]
    texts = [value.split("\n", 1)[0] for value in metadata.get_all("License", [])]
    yield from expressions or classifiers or texts


def is_strong_copyleft(words: str) -> bool:
    """True when the words offer nothing but the GPL or the AGPL."""
    offers = re.split(r"\bOR\b", words)
    return all(STRONG_COPYLEFT.search(offer) for offer in offers)


@pytest.mark.parametrize("requirement", locked("requirements.lock"), ids=lambda requirement: requirement.name)
def test_a_package_of_the_runtime_is_free_of_strong_copyleft(requirement: Requirement) -> None:
    words = list(licence_words(importlib.metadata.distribution(requirement.name)))
    assert any(word.strip() for word in words), f"{requirement.name} names no licence: look it up and say so in NOTICE"
    assert [word for word in words if is_strong_copyleft(word)] == []


@pytest.mark.parametrize("words", ["GPL-3.0-only", "AGPL-3.0-or-later", "License :: GNU General Public License v3 (GPLv3)", "GPLv2"])
def test_the_gpl_is_recognised(words: str) -> None:
    assert is_strong_copyleft(words)


@pytest.mark.parametrize("words", ["MIT", "LGPL-2.1-only", "License :: GNU Lesser General Public License v3", "GPL-2.0 OR MIT", "MPL-2.0"])
def test_weaker_licences_pass(words: str) -> None:
    assert not is_strong_copyleft(words)
