"""EDGE_AI (b) 19 over everything at once: a real node with cameras that have passwords, and then every byte that it left anywhere.

Two passwords, a right and a wrong one, come in a sheet: one inside an address, one in a column of its own. Both are looked for as they are,
percent-encoded, as JSON, as UTF-16 and in base64 at each of its three positions.
"""

from __future__ import annotations

import base64
import io
import json
import os
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from urllib.parse import quote

import pytest

from node.cameras.credentials import CREDENTIALS_NAME
from node.cli import main
from simulations.devices.rtsp_clip import read_mp4
from sync.model import Level
from tests.e2e.city.journals import values_in
from tests.e2e.cluster import BY_COMMAND, Cluster, Node, Place, Plain
from tests.e2e.street_cameras import files_of, holding
from tests.edge_ai.replay import DATA, needs_data
from tests.edge_ai.sources.serving import playing

pytestmark = [pytest.mark.slow, needs_data]

NODE = "sd"
USER = "installer"
RIGHT, WRONG = "Zq7&t@/p Wort-9", 'xK4%"u?:Ünl-3'
WAIT_S = 60.0
MAY_HOLD = {CREDENTIALS_NAME, "cameras/capture-0.json"}
"""How the node logs in, and what the process is told that does so."""
TALK: tuple[tuple[str, ...], ...] = (
    ("status",), ("status", "--json"), ("doctor",), ("camera", "list"), ("camera", "list", "--json"), ("camera", "show", "gate"),
    ("camera", "show", "gate", "--json"), ("camera", "show", "yard", "--json"), ("camera", "test", "yard", "--seconds", "0.2"),
    ("camera", "add", "bad", "--url", "rtsp://u:{right}@[::1/x"), ("camera", "add", "bad", "--url", "http://u:{right}@h/x"),
    ("camera", "add", "bad", "--url", "rtsp://u:{right}@h:99999/x"), ("audit", "log", "--json"), ("evidence", "list", "--json"),
    ("incident", "list", "--json"), ("rule", "verdicts", "--json"), ("model", "list", "--json"),
)  # fmt: skip
"""What people ask a node; addresses that are refused are typed with the right password."""


Said = dict[str, list[tuple[str, bytes]]]
"""What was found, by where: names with their bytes."""


def forms(password: str) -> set[bytes]:
    """What a password looks like once it has been written, in pieces that are whole wherever they begin."""
    plain = password.encode()
    written = {plain, password.encode("utf-16-le"), plain.hex().encode(), json.dumps(password)[1:-1].encode()}
    written |= {quote(password, safe=safe).encode() for safe in ("", "/", "/:@")}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        # The first and the last signs of base64 also depend on what stands before and behind.
        written |= {encode(b"\0" * before + plain)[4 if before else 0 : -4] for before in range(3)}
    return written


def sheet(folder: Path, address: str, url: str) -> Path:
    """A list of cameras as an installer has it."""
    path = folder / "list.csv"
    host, _, port = address.removeprefix("rtsp://").partition("/")[0].partition(":")
    rows = [
        "编号,取流地址,用户名,密码,IP地址,端口,厂商",
        f"gate,{url},,,,,",
        f'yard,{address},{USER},"{WRONG.replace(chr(34), chr(34) * 2)}",,,',
        f"far,,{USER},{RIGHT},{host},{port},hikvision",
    ]
    path.write_text("\n".join(rows) + "\n", "utf-8")
    return path


def below(pid: int) -> Iterator[int]:
    """A process and all that it started."""
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from below(int(child))


def of_processes(pid: int) -> list[tuple[str, bytes]]:
    """What every user of the machine may read of them, and what their owner may."""
    found = []
    for each in below(pid):
        for name in ("cmdline", "environ", "comm"):
            with suppress(FileNotFoundError):
                found.append((f"{each} {name}", Path(f"/proc/{each}/{name}").read_bytes()))
    return found


def states(node: Node) -> dict[str, Plain]:
    return {one["camera"]: one for one in node.call("status")["cameras"]}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Said:
    """All that a node said, wrote and showed of itself, by where; the node has ended."""
    cluster = Cluster(tmp_path_factory.mktemp("k"))
    cluster.make((Place(NODE, Level.PROVINCIAL, "37", prefix=BY_COMMAND),))
    node, folder = cluster[NODE], cluster[NODE].folder
    outside = tmp_path_factory.mktemp("o")
    found: Said = {"said": []}

    def run(*words: str) -> int:
        told = io.StringIO()
        with redirect_stdout(told), redirect_stderr(told):
            code = main(["--lang", "en", "--dir", str(folder), *(word.replace("{right}", quote(RIGHT, safe="")) for word in words)])
        found["said"].append((" ".join(words), told.getvalue().encode()))
        return code

    clip = read_mp4(DATA / "video" / "highway_640x360.mp4")
    with playing(clip, user=USER, password=RIGHT, fps=clip.fps) as camera:
        try:
            node.start()
            cluster.wait("an answer", lambda: bool(node.call("status")), watch=node)
            file = str(sheet(outside, camera.url_shown, camera.url))
            assert [run("camera", "import", file, *more) for more in (("--dry-run",), (), ("--json",))] == [0, 0, 0]
            zone = ("camera", "zone", "gate", "--rule", "all", "--cells", "A1-P9", "--no-picture", "--out", str(outside / "zones.jpg"))
            assert run(*zone) == 0
            cluster.wait("a picture", lambda: bool(node.call("evidence_list", limit=1)["pictures"]), timeout_s=WAIT_S)
            cluster.wait("the refused login", lambda: states(node)["yard"]["state"] == "lost", timeout_s=WAIT_S)
            codes = {words: run(*words) for words in TALK}
            picture = node.call("evidence_list", limit=1)["pictures"][0]["event_id"]
            assert run("evidence", "export", picture, "--out", str(outside / "x.jpg"), "--why", "case 1") == 0
            assert run("trace", "record", "--seconds", "0.2", "--out", str(outside / "x.trace")) == 0
            found["processes"], found["running"] = of_processes(node.pid), list(files_of(folder))
            assert {words[1] for words, code in codes.items() if code} == {"add", "test"}
        finally:
            cluster.stop()
    run("camera", "list", "--json")
    run("audit", "log", "--json")
    run("journal", "check")
    found["ended"] = [*files_of(folder), *((path.name, path.read_bytes()) for path in outside.iterdir() if path.name != "list.csv")]
    found["values"] = [("journal", value) for value in values_in(node.journal)]
    return found


def test_no_password_of_a_camera_is_anywhere_but_where_it_must_be(said: Said) -> None:
    needles = forms(RIGHT) | forms(WRONG)
    assert {where: sorted(set(holding(needles, what))) for where, what in said.items()} == {
        "said": [], "processes": [], "values": [], "running": sorted(MAY_HOLD), "ended": sorted(MAY_HOLD),
    }  # fmt: skip


def test_the_search_has_seen_what_it_says(said: Said) -> None:
    """Processes of cameras, a journal with pictures, logs with the refused login, and each form where it is known to be."""
    commands = b" ".join(content for name, content in said["processes"] if name.endswith("cmdline"))
    assert all(word in commands for word in (b"edge_ai.capture.worker", b"edge_ai.analysis.worker", b"\0run"))
    assert any(value.startswith(b"\xff\xd8") for _, value in said["values"])
    assert {"journal.db", "evidence.db", "run.log", "cameras.toml"} <= {name for name, _ in said["running"]}
    kept = dict(said["running"])
    assert RIGHT.encode() in kept[CREDENTIALS_NAME]
    assert quote(WRONG, safe="").encode() in kept["cameras/capture-0.json"]
    assert any(b"127.0.0.1" in content for name, content in said["said"] if name.startswith("camera list"))


@pytest.mark.parametrize("before", ["", "u:", "ab:"])
def test_each_form_is_found_wherever_it_begins(before: str) -> None:
    """The search itself: base64 of a login at each of its three positions."""
    told = base64.b64encode(f"{before}{RIGHT}, and more".encode())
    assert holding(forms(RIGHT), [("x", told)]) == ["x"]
    assert os.fsencode(RIGHT) not in told
