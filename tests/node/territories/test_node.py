"""Changes of territories at a real node: planned without effect, issued with the next bundle, taken out while they are to come."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from node.cli import main
from node.clock import SystemClock
from sync.transport.local_api import LocalApiError
from tests.node.station import call, make_station, running

YEAR_US = 366 * 86_400 * 1_000_000
TABLE = """code,level,change,old_name,new_name,old_parent,new_parent
370171000000,district,removed,高新区,,370100000000,
370176000000,district,added,,高新区,,370100000000
370285400000,street,removed,开发区,,370285000000,
"""


def change(old: str, new: str, from_us: int, basis: str = "an order") -> dict[str, object]:
    """One change as the API takes it."""
    return {"old": old, "new": new, "from_us": from_us, "basis": basis}


@pytest.mark.slow
async def test_a_plan_changes_nothing_and_an_issue_is_in_the_next_epoch_and_in_the_log(tmp_path: Path) -> None:
    config = make_station(tmp_path / "n")
    soon_us = SystemClock().wall_us() + YEAR_US
    first, second = change("370171", "370176", 1), change("370672", "370676", soon_us)
    async with running(config):
        plan = await call(config, "territory_plan", changes=[first, second])
        assert (len(plan["changes"]), plan["known"]) == (2, 0)  # type: ignore[arg-type]
        assert (await call(config, "territory_list"))["changes"] == []
        issued = await call(config, "territory_issue", changes=[first, second], by="li")
        assert issued["epoch"] == 2
        again = await call(config, "territory_issue", changes=[second], by="li")
        assert (again["known"], again["changes"], again["epoch"]) == (1, [], 2)
        listed: Any = (await call(config, "territory_list"))["changes"]
        assert [(one["old"], one["in_force"], one["own"]) for one in listed] == [("370171", True, True), ("370672", False, True)]
        with pytest.raises(LocalApiError, match="it has begun, and records follow it"):
            await call(config, "territory_drop", old="370171", from_us=1, by="li")
        with pytest.raises(LocalApiError, match="issued none from that date"):
            await call(config, "territory_drop", old="370672", from_us=7, by="li")
        assert (await call(config, "territory_drop", old="370672", from_us=soon_us, by="wang"))["epoch"] == 3
        log: Any = (await call(config, "audit_log", kinds=["operator"]))["entries"]
        assert [(one["detail"]["verb"], one["by"]) for one in log if "refused" not in one["detail"]][-3:] == [
            ("territory_drop", "li"),
            ("territory_issue", "li"),
            ("territory_issue", "li"),
        ]


@pytest.mark.slow
async def test_what_may_not_be_changed_here_is_refused_with_the_code_and_the_way_out(tmp_path: Path) -> None:
    config = make_station(tmp_path / "n")
    async with running(config):
        for wrong, words in (
            (change("110101", "110102", 1), "110101 lies outside 37, the territory of this node"),
            (change("370171", "110102", 1), "110102 lies outside 37"),
            (change("370171", "370171", 1), "it becomes itself"),
            (change("370171", "3701", 1), "are of different tiers"),
            (change("37017", "37018", 1), "has 2, 4, 6, 9, 12 or 15 digits"),
            (change("370171", "370176", 1, "  "), "name the order that makes it"),
        ):
            for verb, more in (("territory_plan", {}), ("territory_issue", {"by": "li"})):
                with pytest.raises(LocalApiError, match=words):
                    await call(config, verb, changes=[wrong], **more)
        two = [change("370171", "370176", 1), change("370171", "370177", 1)]
        with pytest.raises(LocalApiError, match="has two successors from one date"):
            await call(config, "territory_issue", changes=two, by="li")
        assert (await call(config, "territory_list"))["changes"] == []


@pytest.mark.slow
def test_the_verb_says_first_what_it_would_do_and_waits_for_an_heir(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = make_station(tmp_path / "n")
    table = tmp_path / "table.csv"
    table.write_text(TABLE)
    said = ["territory", "import", str(table), "--dir", str(config.folder), "--from", "2020-01-01", "--basis", "an order", "--by", "li"]

    async def live() -> None:
        async with running(config):
            assert await asyncio.to_thread(main, said) == 1
            shown = capsys.readouterr()
            assert "370171  370176" in shown.out
            assert "370285400 开发区" in shown.err
            assert "--keep-rest" in shown.err or "heir" in shown.err
            assert await asyncio.to_thread(main, [*said, "--yes"]) == 1
            assert (await call(config, "territory_list"))["changes"] == []
            assert await asyncio.to_thread(main, [*said, "--keep-rest", "--yes"]) == 0
            capsys.readouterr()
            assert await asyncio.to_thread(main, ["territory", "list", "--dir", str(config.folder)]) == 0
            assert "370171  370176" in capsys.readouterr().out

    asyncio.run(live())
