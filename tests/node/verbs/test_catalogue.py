"""`yunnao catalogue` against a running node: what an operator types, sees and gets as exit code."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from node.cli import main
from node.config.config import NodeConfig
from node.errors import EXIT_NEGATIVE, EXIT_OK, EXIT_REFUSED
from tests.node.catalogue.books import ENTRIES, department_book
from tests.node.station import make_station, running

Yunnao = Callable[..., Coroutine[Any, Any, tuple[int, str, str]]]


@pytest_asyncio.fixture
async def yunnao(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> AsyncIterator[Yunnao]:
    """Types a command at a running node: exit code, stdout, stderr."""
    config: NodeConfig = make_station(tmp_path / "n")

    async def typed(*words: str, lang: str = "en") -> tuple[int, str, str]:
        capsys.readouterr()
        code = await asyncio.to_thread(main, ["--lang", lang, "--dir", str(config.folder), "catalogue", *words])
        out = capsys.readouterr()
        return code, out.out, out.err

    async with running(config):
        yield typed


@pytest.mark.slow
async def test_a_departments_catalogue_goes_from_its_workbook_into_force(yunnao: Yunnao, tmp_path: Path) -> None:
    book = str(department_book(tmp_path / "目录.xlsx"))
    code, out, err = await yunnao("import", book, "--dry-run")
    assert (code, out) == (EXIT_OK, "2 new and 0 changed entries, 0 as they are; nothing was imported (dry run)\n")
    assert "column 备注 is not understood" in err
    assert "sheet 填报说明 has no header" in err
    assert (await yunnao("list", "--drafts", "--json"))[1].count('"code"') == 0
    assert (await yunnao("import", book))[0] == EXIT_OK
    assert "目录.xlsx" in (await yunnao("list", "--drafts"))[1]
    assert (await yunnao("list", "常住人口"))[1].count("\n") == 1
    code, out, _ = await yunnao("issue", lang="zh")
    assert (code, out) == (EXIT_OK, "shandong 第 2 版已生效：新增或变更 2 条，撤销 0 条\n")
    listed = json.loads((await yunnao("list", "常住人口", "--json"))[1])["entries"]
    assert [(one["code"], one["grade"], one["state"]) for one in listed] == [("c-3070010001-000012", "", "empty")]
    shown = (await yunnao("show", "c-3070010001-000012"))[1]
    assert "91350100M000100Y43" in shown
    assert "公民身份号码" in shown


@pytest.mark.slow
async def test_bad_rows_are_listed_and_nothing_is_imported(yunnao: Yunnao, tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("资源标识,信息资源名称,共享类型\ngood,好,有条件共享\nworse,坏,随便\n", "utf-8")
    code, out, err = await yunnao("import", str(bad))
    assert code == EXIT_NEGATIVE
    assert out.startswith("bad.csv row 3 共享类型 '随便': is not one of 无条件共享 (unconditional), 有条件共享 (conditional)")
    assert err == "1 problems: nothing was imported\n"
    assert json.loads((await yunnao("import", str(bad), "--json"))[1])["problems"][0]["row"] == 3
    assert (await yunnao("issue"))[0] == EXIT_REFUSED


@pytest.mark.slow
async def test_what_is_exported_is_what_is_there(yunnao: Yunnao, tmp_path: Path) -> None:
    assert (await yunnao("export", str(tmp_path / "o.csv"), "--gbk", lang="zh"))[0] == EXIT_OK
    head = (tmp_path / "o-resources.csv").read_bytes().decode("gb18030").splitlines()[0]
    assert head.startswith("资源标识,信息资源代码,信息资源名称")
    files = [str(tmp_path / name) for name in ("o-resources.csv", "o-fields.csv")]
    answer = json.loads((await yunnao("import", *files, "--json"))[1])
    assert (answer["same"], answer["added"], answer["changed"]) == (len(ENTRIES), [], [])


@pytest.mark.slow
async def test_a_change_is_in_the_history_and_a_draft_can_be_dropped(yunnao: Yunnao, tmp_path: Path) -> None:
    sheet = tmp_path / "s.csv"
    sheet.write_text("code,title,abstract\nair-quality,空气质量,每小时监测\n", "utf-8")
    await yunnao("import", str(sheet))
    assert (await yunnao("drop", "air-quality"))[1] == "1 entries taken out of the draft\n"
    await yunnao("import", str(sheet))
    await yunnao("issue")
    told: list[str] = []
    for _ in range(100):
        told.append((await yunnao("history", "air-quality"))[1])
        if "listing.abstract" in told[-1]:
            break
    assert "shandong  2      air-quality  changed  listing.abstract: - -> 每小时监测" in told[-1]
    assert "yunnao catalogue drop takes that back" in (await yunnao("withdraw", "air-quality"))[1]
    assert "the next issue withdraws: air-quality" in (await yunnao("list", "--drafts"))[1]
    assert "0 entries new or changed, 1 withdrawn" in (await yunnao("issue"))[1]
    assert (await yunnao("show", "air-quality"))[0] != EXIT_OK


async def test_what_cannot_be_shown_is_refused(yunnao: Yunnao) -> None:
    code, _, err = await yunnao("show", "nowhere")
    assert (code, err) == (EXIT_REFUSED, "yunnao: resource 'nowhere' is not in the catalogue: `yunnao catalogue list` shows what is\n")
