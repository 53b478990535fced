"""20,000 catalogue entries of a city and ten districts merged at the municipal node, and the filtered list; the raw cost beside each.

Run as `python -m benchmarks.catalogue_bench`. Bundles are signed, sent as bytes, verified, decoded and merged as on a link. Medians of
rounds, CPU time of one process, which other work on the machine moves less than the clock; only the ratio is for comparing machines.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec

from node.catalogue.desk import CatalogueDesk
from node.catalogue.freshness import Freshness
from node.catalogue.shelf import Filter, Shelf
from node.catalogue.store import CatalogueStore
from node.identity.bundle_seal import BundleSeal
from node.identity.facts import NodeFacts
from node.policy.issuing import Issuer
from node.policy.store import PolicyStore
from node.store.journal import open_journal
from policies import Bundle, CompiledGate, Contents, Field, Resource, Station
from policies.listing import Listing
from policies.presets import preset_bundle
from sync.model import Level, Territory
from tests.node.identity.family import CITY, NOW_US, PROVINCE, StandingClock, make_node

ENTRIES = 20_000
DISTRICTS = 10
FIELDS = 20
ROUNDS = 15
LIST_MS_MAX = 200.0
THEMES = ("人口", "车辆", "企业", "环境", "交通", "住房", "医保", "教育", "应急", "证照")
FILTERS = {
    "everything": Filter(),
    "two words": Filter(text="人口 登记7"),
    "provider and grade": Filter(provider="第3", grade=2),
    "no match": Filter(text="不存在的词"),
}


def entry(number: int, issuer: str) -> Resource:
    """One entry with all the guide asks and twenty fields."""
    fields = tuple(Field(f"field_{place}", "string", title=f"信息项{place}", grade=place % 4) for place in range(FIELDS))
    theme = THEMES[number % len(THEMES)]
    base = preset_bundle(Level.PROVINCIAL, issuer="x", not_before_us=0, not_after_us=1).contents.catalogue[0]
    return replace(
        base,
        code=f"{issuer}-{number}",
        title_zh=f"{theme}登记{number}",
        title_en=f"Register {number}",
        provider=f"第{number % 50}局",
        grade=1 + number % 4,
        period_s=86_400,
        fields=fields,
        specimen=(),
        listing=Listing(
            class_code="3070010001",
            class_names=("部门", "公安", theme),
            national_code=f"3070010001/{number:06d}",
            provider_code="91350100M000100Y43",
            abstract=f"{theme}的登记信息，按日更新。",
            format="数据库",
            share_way="共享平台",
            published_on="2026-05-01",
        ),
    )


def median_ms(work: Callable[[], object]) -> tuple[float, float]:
    """Median and worst CPU milliseconds of ROUNDS runs, after one that warms up."""
    work()
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        times.append((time.process_time() - start) * 1_000)
    return statistics.median(times), max(times)


def signed_bundles(folder: Path) -> tuple[list[bytes], BundleSeal]:
    """What the province, the city and its districts issue, as they come over links; and the city's seal."""
    province = make_node(folder, PROVINCE)
    city = make_node(folder, CITY, parent=province)
    end_us = NOW_US * 2
    bundles = [BundleSeal(province).sign(preset_bundle(Level.PROVINCIAL, issuer="shandong", not_before_us=0, not_after_us=end_us)).encode()]
    share = ENTRIES // DISTRICTS
    for place in range(DISTRICTS):
        facts = NodeFacts(f"district-{place}", Level.DISTRICT, Territory(f"3702{place + 2:02d}"))
        seal = BundleSeal(make_node(folder, facts, parent=city))
        contents = Contents(catalogue=tuple(entry(number, facts.node) for number in range(share)))
        bundles.append(seal.sign(Bundle(facts.node, Level.DISTRICT, 1, 0, end_us, contents)).encode())
    return bundles, BundleSeal(city)


def main() -> None:
    """Print one line per measure, and the verdict on the list."""
    with tempfile.TemporaryDirectory(prefix="yc") as name:
        folder, clock = Path(name), StandingClock()
        bundles, seal = signed_bundles(folder)
        station = Station("qingdao", Level.MUNICIPAL)
        policy = PolicyStore(
            folder / "policy", seal=seal, compile_gate=lambda rules: CompiledGate(rules, station, now_us=NOW_US), clock=clock
        )
        start = time.process_time()
        policy.take(bundles)
        took_s = time.process_time() - start
        start = time.process_time()
        for data in bundles:
            json.loads(data)
        raw_s = time.process_time() - start
        size = sum(map(len, bundles))
        print(f"merge of {ENTRIES} entries x {FIELDS} fields  {took_s:6.2f} s   {size / 1e6:.1f} MB in {len(bundles)} bundles")
        print(f"  raw: json.loads of the same bytes      {raw_s:6.2f} s   ratio {took_s / raw_s:.1f}")
        lists(folder, policy, clock, seal)


def lists(folder: Path, policy: PolicyStore, clock: StandingClock, seal: BundleSeal) -> None:
    """The list as the API answers it, encoded, against a bare scan of one text per entry."""
    journal = open_journal(folder / "journal.db", node="qingdao", incarnation=1)
    store = CatalogueStore(folder / "catalogue.db")
    desk = CatalogueDesk(store, issuer=Issuer("qingdao", Level.MUNICIPAL, seal.sign, policy, clock), journal=journal)
    start = time.process_time()
    desk.look()
    size = (folder / "catalogue.db").stat().st_size
    print(f"history and freshness of all, first look  {time.process_time() - start:6.2f} s   {size / 1e6:.1f} MB")
    ruleset = policy.ruleset
    print(f"shelf made anew, once per policy version  {median_ms(lambda: Shelf(ruleset, {}))[0]:6.0f} ms")
    texts = [shelved.haystack for shelved in desk.shelf.entries.values()]
    raw_ms, _ = median_ms(lambda: [text for text in texts if "人口" in text and "登记7" in text])
    worst = 0.0
    for title, wanted in FILTERS.items():
        took_ms, slowest_ms = median_ms(lambda wanted=wanted: msgspec.json.encode(desk.listed(wanted, limit=100)))  # type: ignore[misc]
        worst = max(worst, slowest_ms)
        total = desk.listed(wanted)["total"]
        print(f"list, {title:<20} {took_ms:7.1f} ms (worst {slowest_ms:.1f})   {total} match; ratio to a bare scan {took_ms / raw_ms:.1f}")
    took_ms, slowest_ms = median_ms(lambda: msgspec.json.encode(desk.listed(Filter(), states=(Freshness.STALE,), limit=100)))
    worst = max(worst, slowest_ms)
    print(f"list, {'stale only':<20} {took_ms:7.1f} ms (worst {slowest_ms:.1f})   bare scan {raw_ms:.1f} ms")
    print(f"{'PASS' if worst < LIST_MS_MAX else 'FAIL'}: worst list {worst:.1f} ms, target under {LIST_MS_MAX:g} ms")
    store.close()
    journal.close()


if __name__ == "__main__":
    main()
