"""Which node is asked to approve: the one that was named, this one, or the nearest above from the municipality up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import pytest

from node.cases.approver import approver_of
from node.cases.errors import CaseRefused
from node.cases.kind import Party
from node.tree.directory import Directory, NodeStatus

ME = Party("street", "370202001")


@dataclass
class Above:
    """The nodes above, as the directory tells them."""

    known: dict[str, NodeStatus] = field(default_factory=dict)

    def ancestors(self) -> frozenset[str]:
        """Their names."""
        return frozenset(self.known)

    def above(self, node: str) -> NodeStatus | None:
        """One of them."""
        return self.known.get(node)


def directory(**levels: str) -> Directory:
    """A directory that has heard of these nodes above."""
    heard = {name: NodeStatus(name, name, level, "37", "", "1", "OK", [], 0, "", "") for name, level in levels.items()}
    return cast(Directory, Above(heard))


def asked(named: str, *, is_me: bool, **levels: str) -> str:
    """Who is asked."""
    return approver_of(directory(**levels), ME, named, is_me=is_me).node


TREE = {"west": "district", "qingdao": "municipal", "shandong": "provincial"}


def test_the_nearest_from_the_municipality_up_is_asked_where_none_is_named() -> None:
    assert asked("", is_me=False, **TREE) == "qingdao"


def test_who_is_named_is_asked_whatever_the_level() -> None:
    assert [asked(name, is_me=True, **TREE) for name in ("west", "shandong", "street")] == ["west", "shandong", "street"]


def test_this_node_is_asked_where_it_may_and_none_is_named() -> None:
    assert asked("", is_me=True, **TREE) == "street"


@pytest.mark.parametrize(("named", "levels", "words"), [("elsewhere", TREE, "qingdao, shandong, west"), ("", {}, "none yet")])
def test_where_nobody_fits_it_is_said_who_is_above(named: str, levels: dict[str, str], words: str) -> None:
    with pytest.raises(CaseRefused, match=words):
        asked(named, is_me=False, **levels)
