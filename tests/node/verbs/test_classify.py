"""`yunnao classify` against a running node: from stored rows to a grade in force."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from node.cli import main
from node.errors import EXIT_NEGATIVE, EXIT_OK, EXIT_REFUSED, EXIT_USAGE
from node.verbs.classify import columns_of
from tests.node.station import call, make_station, running

SHEET = "code,title,period\npeople,人员,每日\n"
FIELDS = "resource,field,title\npeople,xm,姓名\npeople,sj,手机\npeople,bz,备注\n"


@pytest.mark.slow
async def test_from_stored_rows_to_a_grade_in_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = make_station(tmp_path / "n")

    async def typed(*words: str, lang: str = "en") -> tuple[int, str, str]:
        capsys.readouterr()
        code = await asyncio.to_thread(main, ["--lang", lang, "--dir", str(config.folder), *words])
        out = capsys.readouterr()
        return code, out.out, out.err

    for name, text in (("s.csv", SHEET), ("f.csv", FIELDS)):
        (tmp_path / name).write_text(text, "utf-8")
    async with running(config):
        assert (await typed("catalogue", "import", str(tmp_path / "s.csv"), str(tmp_path / "f.csv")))[0] == EXIT_OK
        assert (await typed("catalogue", "issue"))[0] == EXIT_OK
        rows = [[f"王{place}芳", f"138001380{place:02d}", "已处理"] for place in range(10)]
        await call(config, "put", resource="people", columns=["xm", "sj", "bz"], rows=rows)
        said = "people: 3 proposals queued from 10 rows and the names, 0 settled before\n"
        assert (await typed("classify", "propose", "people"))[1] == said
        code, out, err = await typed("classify", "list")
        assert code == EXIT_NEGATIVE
        assert "mobile         L3     direct-id  personal  phone  100%/10" in out
        assert err.startswith("3 proposals wait")
        assert (await typed("status", "--json"))[1].count('"proposals": 3') == 1
        ids = {one["field"]: str(one["id"]) for one in json.loads((await typed("classify", "list", "--json"))[1])["proposals"]}
        assert (await typed("classify", "refuse", ids["xm"]))[0] == EXIT_USAGE
        assert (await typed("classify", "refuse", ids["xm"], "--reason", "not real", "--by", "chen", lang="zh"))[1] == "已拒绝 1 条建议\n"
        accepted = await typed("classify", "accept", ids["sj"], ids[""], "--grade", "L4", "--by", "chen")
        assert accepted[1] == "2 proposals taken into the draft; yunnao catalogue issue brings it into force\n"
        assert (await typed("classify", "accept", ids["sj"], "--by", "chen"))[0] == EXIT_REFUSED
        assert "changed" in (await typed("classify", "list", "--all"))[1]
        assert (await typed("classify", "list"))[0] == EXIT_OK
        await typed("catalogue", "issue")
        shown = json.loads((await typed("catalogue", "show", "people", "--json"))[1])["entry"]
        assert (shown["grade"], [item["grade"] for item in shown["fields"]]) == (4, [0, 4, 0])


def test_a_file_gives_its_columns_by_their_headers(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_bytes("姓名,手机\n王芳,13800138000\n李强,\n".encode("gbk"))
    assert columns_of(tmp_path / "c.csv") == {"姓名": ["王芳", "李强"], "手机": ["13800138000", None]}
