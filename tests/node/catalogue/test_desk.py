"""The catalogue of a real node: drafts change nothing until they are issued, history names the epoch, and a broken promise is an alarm."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from node.catalogue.desk import CatalogueDesk
from node.catalogue.errors import CatalogueError
from node.catalogue.freshness import GRACE_S_MIN, Freshness, freshness, late_s
from node.catalogue.shelf import Filter
from node.catalogue.store import CatalogueStore
from node.catalogue.wiring import open_store
from node.identity.bundle_seal import BundleSeal
from node.policy.issuing import Issuer, IssueRefused
from node.policy.store import PolicyStore
from node.store.journal import SqliteJournal, open_journal
from policies import BundleError, CompiledGate, Resource, Share, Station
from policies.listing import Listing
from policies.presets import preset_bundle
from sync.model import MICROSECONDS, HybridTime, Level, Run
from tests.contracts.batches import commit_of, stored
from tests.node.catalogue.books import ENTRIES
from tests.node.identity.family import CITY, NOW_US, PROVINCE, StandingClock, make_node

AIR, RESIDENTS = ENTRIES["air-quality"], ENTRIES["residents"]
BUS = Resource.of(
    {"code": "bus-stops", "title_zh": "公交站点", "title_en": "Bus stops", "lane": "bulk", "grade": 0, "share": "conditional"}, "bus"
)


@dataclass
class Town:
    """A city's catalogue below the province's."""

    desk: CatalogueDesk
    policy: PolicyStore
    journal: SqliteJournal
    clock: StandingClock

    def seal(self, resource: Resource, at_us: int, lsn: int) -> None:
        """Store a record of a resource, sealed at this time."""
        run = Run("qd-shinan", 77, lsn, lsn, 0, at=HybridTime(at_us))
        self.journal.commit(commit_of(stored(lsn, [run], resource=resource.code)))


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    province = make_node(tmp_path, PROVINCE)
    city = make_node(tmp_path, CITY, parent=province)
    clock = StandingClock()
    policy = PolicyStore(
        tmp_path / "policy",
        seal=BundleSeal(city),
        compile_gate=lambda rules: CompiledGate(rules, Station("qingdao", Level.MUNICIPAL), now_us=clock.wall_us()),
        clock=clock,
    )
    top = preset_bundle(Level.PROVINCIAL, issuer="shandong", not_before_us=0, not_after_us=NOW_US * 2)
    policy.install(BundleSeal(province).sign(top))
    journal = open_journal(tmp_path / "j.db", node="qingdao", incarnation=1)
    store = CatalogueStore(tmp_path / "catalogue.db")
    issuer = Issuer("qingdao", Level.MUNICIPAL, BundleSeal(city).sign, policy, clock)
    yield Town(CatalogueDesk(store, issuer=issuer, journal=journal), policy, journal, clock)
    store.close()
    journal.close()


def test_a_draft_changes_nothing_until_it_is_issued(town: Town) -> None:
    assert town.desk.take([BUS.encoded()], source="a.xlsx") == {"drafted": 1, "draft": 1, "only_tightens": []}
    assert "bus-stops" not in town.desk.shelf.entries
    assert town.desk.issue()["epoch"] == 1
    assert town.desk.shelf.entries["bus-stops"].issuer == "qingdao"
    assert town.policy.held("qingdao") is not None
    assert town.desk.store.draft() == {}


def test_an_issue_keeps_what_the_bundle_ruled_before(town: Town) -> None:
    town.desk.take([BUS.encoded()], source="")
    town.desk.issue()
    town.desk.take([replace(BUS, grade=2).encoded(), replace(BUS, code="bus-lines").encoded()], source="")
    assert town.desk.issue()["epoch"] == 2
    assert {code: town.policy.ruleset.resources[code].grade for code in ("bus-stops", "bus-lines")} == {"bus-stops": 2, "bus-lines": 0}


def test_what_a_higher_level_defines_is_only_tightened_and_that_is_said(town: Town) -> None:
    taken = town.desk.take([replace(RESIDENTS, share=Share.UNCONDITIONAL, grade=4).encoded()], source="")
    assert taken["only_tightens"] == ["residents"]
    town.desk.issue()
    merged = town.policy.ruleset.resources["residents"]
    assert (merged.share, merged.grade) == (Share.CONDITIONAL, 4)
    assert town.desk.shelf.entries["residents"].issuer == "shandong"


def test_an_empty_draft_is_not_issued(town: Town) -> None:
    with pytest.raises(CatalogueError, match="the draft is empty"):
        town.desk.issue()


def test_a_withdrawal_leaves_with_the_next_issue_and_history_names_it(town: Town) -> None:
    town.desk.take([BUS.encoded()], source="sheet")
    town.desk.issue()
    town.desk.look()
    assert town.desk.withdraw(["bus-stops"]) == {"withdrawn": 1, "draft": 1}
    assert town.desk.shown("bus-stops")["is_withdrawn"]
    assert "bus-stops" in town.desk.shelf.entries
    assert town.desk.issue()["withdrawn"] == 1
    town.desk.look()
    assert "bus-stops" not in town.desk.shelf.entries
    assert town.desk.store.history(code="bus-stops", limit=1)[0]["change"] == "removed"
    with pytest.raises(CatalogueError, match="nothing to issue"):
        town.desk.issue()


def test_a_withdrawal_is_taken_back_by_a_drop_or_by_a_new_draft_of_the_entry(town: Town) -> None:
    town.desk.take([BUS.encoded()], source="sheet")
    town.desk.issue()
    town.desk.withdraw(["bus-stops"])
    assert town.desk.store.drop_draft(["bus-stops"]) == 1
    town.desk.withdraw(["bus-stops"])
    town.desk.take([BUS.encoded()], source="sheet")
    assert town.desk.store.withdrawals() == {}


def test_an_entry_of_another_issuer_or_with_records_is_not_withdrawn(town: Town) -> None:
    with pytest.raises(CatalogueError, match="an entry of shandong, who alone withdraws it"):
        town.desk.withdraw(["air-quality"])
    with pytest.raises(CatalogueError, match="this node has not issued it"):
        town.desk.withdraw(["nothing"])
    town.desk.take([BUS.encoded()], source="sheet")
    town.desk.issue()
    town.desk.withdraw(["bus-stops"])
    town.seal(BUS, NOW_US, 1)
    with pytest.raises(CatalogueError, match="1 records of it are here"):
        town.desk.issue()
    assert "bus-stops" in town.desk.shelf.entries


def test_one_bad_entry_keeps_all_out_of_the_draft(town: Town) -> None:
    with pytest.raises(BundleError, match="entry 2"):
        town.desk.take([BUS.encoded(), {"code": "x"}], source="")
    with pytest.raises(CatalogueError, match="stands twice"):
        town.desk.take([BUS.encoded(), BUS.encoded()], source="")
    assert town.desk.store.draft() == {}


def test_the_layout_of_records_that_exist_is_not_changed(town: Town) -> None:
    town.seal(RESIDENTS, NOW_US, 1)
    with pytest.raises(BundleError, match="residents has records"):
        town.desk.take([replace(RESIDENTS, fields=RESIDENTS.fields[:-1], specimen=(), specimen_listed=()).encoded()], source="")


def test_a_bundle_too_large_for_the_links_is_refused_and_the_draft_stays(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.policy.issuing.ISSUE_BYTES_MAX", 100)
    town.desk.take([BUS.encoded()], source="")
    with pytest.raises(IssueRefused, match="at most 0"):
        town.desk.issue()
    assert list(town.desk.store.draft()) == ["bus-stops"]


def test_history_names_what_changed_when_and_by_which_epoch(town: Town) -> None:
    town.desk.look()
    town.desk.take([BUS.encoded()], source="")
    town.desk.issue()
    town.desk.look()
    town.desk.take([replace(BUS, grade=2, listing=Listing(abstract="站点")).encoded()], source="")
    town.desk.issue()
    town.desk.look()
    town.desk.look()
    found = town.desk.store.history(code="bus-stops")
    assert [(one["issuer"], one["epoch"], one["change"], one["at_us"]) for one in found] == [
        ("qingdao", 2, "changed", NOW_US), ("qingdao", 1, "added", NOW_US)
    ]  # fmt: skip
    assert found[0]["changed"] == {"grade": ["0", "2"], "listing.abstract": ["", "站点"]}
    assert len(town.desk.store.history(issuer="shandong", limit=100)) == len(ENTRIES)


def test_a_resource_past_its_period_and_grace_is_stale(town: Town) -> None:
    town.seal(AIR, NOW_US, 1)
    town.clock.us = NOW_US + (AIR.period_s + 360) * MICROSECONDS
    town.desk.look()
    assert town.desk.troubles() == []
    town.clock.us += MICROSECONDS
    town.desk.look()
    assert town.desk.troubles() == ["catalogue_stale"]
    assert [(one["resource"], one["late_s"]) for one in town.desk.facts()["stale"]] == [("air-quality", 1)]
    assert [one["code"] for one in town.desk.listed(Filter(), states=(Freshness.STALE,))["entries"]] == ["air-quality"]
    town.seal(AIR, town.clock.us, 2)
    town.desk.look()
    assert town.desk.troubles() == []


def test_a_source_whose_clock_is_ahead_counts_from_now(town: Town) -> None:
    town.seal(AIR, NOW_US * 2, 1)
    town.desk.look()
    assert town.desk.store.newest() == {"air-quality": NOW_US}


def test_a_journal_that_was_built_again_is_read_again(town: Town) -> None:
    town.seal(AIR, NOW_US - 5, 1)
    town.desk.store.keep_newest({}, upto=99)
    town.desk.look()
    assert (town.desk.store.newest(), town.desk.store.read_upto()) == ({"air-quality": NOW_US - 5}, 1)


@pytest.mark.parametrize(
    ("age_s", "period_s", "state"),
    [
        (None, 60, Freshness.EMPTY),
        (10**9, 0, Freshness.UNPROMISED),
        (60 + GRACE_S_MIN, 60, Freshness.FRESH),
        (61 + GRACE_S_MIN, 60, Freshness.STALE),
    ],
)
def test_a_promise_is_judged_with_its_grace(age_s: int | None, period_s: int, state: Freshness) -> None:
    newest_us = None if age_s is None else NOW_US * 2 - age_s * MICROSECONDS
    assert freshness(replace(AIR, period_s=period_s), newest_us, NOW_US * 2) is state


def test_late_is_counted_past_a_tenth_of_a_long_period() -> None:
    assert late_s(replace(AIR, period_s=100_000), 0, 110_007 * MICROSECONDS) == 7


@pytest.mark.parametrize(
    ("wanted", "codes"),
    [
        (Filter(text="居民"), ["residents", "residents-summary"]),
        (Filter(text="ＲＥＳＩＤＥＮＴＳ 公安"), ["residents"]),
        (Filter(grade=3), ["residents"]),
        (Filter(share=Share.CONDITIONAL), ["camera-clips", "residents"]),
        (Filter(provider="环境"), ["air-quality"]),
        (Filter(issuer="qingdao"), []),
        (Filter(text="air", library="base"), []),
    ],
)
def test_a_filter_lets_through_what_matches_it_all(town: Town, wanted: Filter, codes: list[str]) -> None:
    assert [one["code"] for one in town.desk.listed(wanted)["entries"]] == codes


def test_a_list_is_paged_and_says_how_many_there_are(town: Town) -> None:
    page = town.desk.listed(Filter(), offset=2, limit=3)
    assert ([one["code"] for one in page["entries"]], page["total"]) == (sorted(ENTRIES)[2:5], len(ENTRIES))


def test_an_entry_is_shown_with_its_draft(town: Town) -> None:
    town.desk.take([BUS.encoded()], source="")
    shown = town.desk.shown("bus-stops")
    assert (shown["entry"], shown["draft"]["code"]) == (None, "bus-stops")
    with pytest.raises(CatalogueError, match="not in the catalogue"):
        town.desk.shown("nowhere")


def test_a_file_that_is_no_database_is_put_aside_when_a_node_starts(tmp_path: Path) -> None:
    (tmp_path / "c.db").write_bytes(b"no database" * 1_000)
    with pytest.raises(CatalogueError, match="move it away"):
        CatalogueStore(tmp_path / "c.db")
    store = open_store(tmp_path / "c.db")
    assert store.draft() == {}
    assert (tmp_path / "c.db.damaged").read_bytes().startswith(b"no database")
    store.close()


def test_a_closed_store_refuses(town: Town) -> None:
    town.desk.store.close()
    with pytest.raises(CatalogueError, match="is stopping"):
        town.desk.store.draft()
