"""The command line: verbs, output, exit codes; API verbs against a scripted answer."""

from __future__ import annotations

import asyncio
import getpass
import json
import re
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.cells import cell_len

from node import client
from node.cli import default_language, main, verb_parser
from node.client import ApiError, NodeClient, NodeUnreachable
from node.clock import SystemClock
from node.config.config import load_config
from node.errors import EXIT_CONFIG, EXIT_NEGATIVE, EXIT_OK, EXIT_REFUSED, EXIT_UNREACHABLE, EXIT_USAGE
from node.identity.admissions import Admissions
from node.identity.files import IdentityFiles
from node.identity.join_server import JoinServer
from node.texts import text
from node.verb import UsageError
from node.verbs import BUILT_IN
from node.verbs.output import plain, print_table
from node.verbs.times import duration_s, moment_us
from sync.transport.local_api import LocalApiCode, LocalApiError, serve_local

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "cli.md"
HEAVY = ("msgspec", "cryptography", "sqlite_utils", "rich", "grpc", "pyarrow", "duckdb", "textual", "asyncio")
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        out = capsys.readouterr()
        return code, out.out, out.err

    return call


@pytest.fixture
def province(tmp_path: Path, run: Run) -> Path:
    folder = tmp_path / "province"
    code, *_ = run("--dir", folder, "init", "--id", "shandong", "--level", "provincial", "--territory", "37", "--name", "山东")
    assert code == EXIT_OK
    return folder


@pytest.fixture
def join_address(province: Path) -> Iterator[str]:
    """The province's join service on a thread of its own."""
    files = IdentityFiles(province)
    admissions = Admissions(files.database, files.authority())
    clock, loop, ready = SystemClock(), asyncio.new_event_loop(), threading.Event()
    server = JoinServer(files, admissions, own_path=("shandong",), link_address="127.0.0.1:7440", clock=clock)
    ports: list[int] = []

    def serve() -> None:
        asyncio.set_event_loop(loop)
        ports.append(loop.run_until_complete(server.start("127.0.0.1", 0)))
        ready.set()
        loop.run_forever()

    thread = threading.Thread(target=serve)
    thread.start()
    assert ready.wait(10)
    yield f"127.0.0.1:{ports[0]}"
    asyncio.run_coroutine_threadsafe(server.stop(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()
    admissions.close()


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[object], list[tuple[str, dict[str, object]]]]:
    """Script the answer of a running node; the list it gives collects what was asked."""
    (tmp_path / "api.sock").touch()

    def script(answer: object) -> list[tuple[str, dict[str, object]]]:
        asked: list[tuple[str, dict[str, object]]] = []

        def call(_: Path, verb: str, body: bytes, __: float) -> bytes:
            asked.append((verb, json.loads(body)))
            if isinstance(answer, Exception):
                raise answer
            return json.dumps(answer).encode()

        monkeypatch.setattr(client, "_call_local", call)
        return asked

    return script


def test_overview_lists_every_verb_in_both_languages(run: Run) -> None:
    for language in ("zh", "en"):
        code, out, _ = run("--lang", language, "--help")
        assert code == EXIT_OK
        assert all(re.search(rf"^  {name} +{re.escape(text(f'cli.help_{name}', language))}$", out, re.MULTILINE) for name in BUILT_IN)


@pytest.mark.slow


@pytest.mark.parametrize("language", ["zh", "en"])
def test_overview_says_of_every_verb_what_it_does(run: Run, language: str) -> None:
    _, out, _ = run("--lang", language, "--help")
    listed = re.findall(r"^  (\S+) +(.*)$", out, re.MULTILINE)
    assert len(listed) > len(BUILT_IN)
    assert [name for name, words in listed if not words] == []


def test_no_process_leaves_a_core_file(run: Run) -> None:
    """It would hold keys, passwords and pictures as they came; what a verb starts inherits it."""
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    try:
        run("--version")
        assert resource.getrlimit(resource.RLIMIT_CORE)[0] == 0
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, before)


def test_overview_imports_nothing_heavy() -> None:
    program = f"import sys; from node.cli import main; main(['--help']); print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize("name", list(BUILT_IN))
def test_every_verb_explains_itself(run: Run, name: str) -> None:
    code, out, _ = run(name, "--help")
    assert code == EXIT_OK
    assert f"usage: yunnao {name}" in out


def test_unknown_verb_offers_the_nearest(run: Run) -> None:
    code, out, err = run("--lang", "en", "statsu")
    assert (code, out) == (EXIT_USAGE, "")
    assert "did you mean 'status'?" in err


def test_no_verb_and_bad_option_are_usage_errors(run: Run) -> None:
    assert run()[0] == EXIT_USAGE
    assert run("status", "--colour")[0] == EXIT_USAGE


def test_what_a_word_does_not_take_is_refused_with_the_usage_of_that_word(run: Run) -> None:
    code, out, err = run("camera", "add", "gate-1", "rtsp://10.1.2.3/x", "--json")
    assert (code, out) == (EXIT_USAGE, "")
    assert "rtsp://10.1.2.3/x is not known here; `yunnao camera add --help` shows what is" in err
    assert "--url URL" in err
    assert "`yunnao status --help`" in run("status", "--colour")[2]


def test_global_options_may_follow_the_verb(tmp_path: Path) -> None:
    from node.verbs.token import VERB

    given = verb_parser(VERB, "en").parse_args(["create", "--level", "grid", "--territory", "37", "--dir", str(tmp_path), "--lang", "zh"])
    assert (given.dir, given.lang) == (tmp_path, "zh")


def test_language_follows_the_terminal() -> None:
    assert default_language({"LANG": "zh_CN.UTF-8"}) == "zh"
    assert default_language({"LANG": "zh_CN.UTF-8", "TERM": "linux"}) == "en"
    assert default_language({"LC_ALL": "C", "LANG": "zh_CN"}) == "en"
    assert default_language({}) == "en"


def test_init_makes_a_certified_province_and_never_overwrites(province: Path, run: Run) -> None:
    assert IdentityFiles(province).is_certified
    assert load_config(province / "node.toml").node.name == "山东"
    code, _, err = run("--dir", province, "init", "--id", "other", "--level", "provincial", "--territory", "37")
    assert code == EXIT_CONFIG
    assert "never overwritten" in err


def test_init_of_a_bad_node_leaves_nothing_behind(tmp_path: Path, run: Run) -> None:
    folder = tmp_path / "new"
    code, _, err = run("--dir", folder, "init", "--id", "Bad_Id", "--level", "street", "--territory", "370202006")
    assert (code, "node id 'Bad_Id' refused" in err, folder.exists()) == (EXIT_CONFIG, True, False)
    code, _, err = run("--dir", folder, "init", "--id", "ok", "--level", "street", "--territory", "123")
    assert (code, "'123' refused" in err, folder.exists()) == (5, True, False)


def test_token_and_join_make_a_child(province: Path, tmp_path: Path, run: Run, join_address: str) -> None:
    token = run("--dir", province, "token", "create", "--level", "municipal", "--territory", "3702", "--auto-accept")[1].strip()
    child = tmp_path / "city"
    code, out, err = run(
        "--dir", child, "join", join_address, token, "--id", "qingdao", "--level", "municipal", "--territory", "3702", "--json"
    )
    assert (code, err) == (EXIT_OK, "")
    assert json.loads(out) == {"node": "qingdao", "parent": "shandong", "path": ["shandong"], "link_address": "127.0.0.1:7440"}
    parent = load_config(child / "node.toml").parent
    assert (parent.address, parent.join_address) == ("127.0.0.1:7440", join_address)
    again = run("--dir", tmp_path / "c2", "join", join_address, token, "--id", "jinan", "--level", "municipal", "--territory", "3701")
    assert (again[0], "token used already" in again[2]) == (EXIT_REFUSED, True)


def test_operator_lists_accepts_and_dismisses(province: Path, tmp_path: Path, run: Run, join_address: str) -> None:
    token = run("--dir", province, "token", "create", "--level", "municipal", "--territory", "37")[1].strip()
    child = ("--dir", tmp_path / "city", "join", join_address, token)
    code, _, err = run(*child, "--id", "qingdao", "--level", "municipal", "--territory", "3702", "--wait", "0s")
    assert (code, "did not decide" in err) == (EXIT_NEGATIVE, True)
    waiting = json.loads(run("--dir", province, "admit", "--json")[1])["pending"]
    assert [entry["node"] for entry in waiting] == ["qingdao"]
    assert waiting[0]["fingerprint"] in err
    assert run("--dir", province, "admit", "qingdao")[0] == EXIT_OK
    assert run(*child)[0] == EXIT_OK
    assert json.loads(run("--dir", province, "admit", "qingdao", "--refuse", "--json")[1]) == {"node": "qingdao", "accepted": False}
    assert run("--dir", province, "admit", "nobody")[0] == EXIT_REFUSED


def test_token_outside_the_own_territory_is_refused(province: Path, run: Run) -> None:
    code, out, err = run("--dir", province, "token", "create", "--level", "municipal", "--territory", "4401")
    assert (code, out, "outside territory" in err) == (EXIT_REFUSED, "", True)


def test_join_without_a_node_or_its_arguments_is_a_usage_error(tmp_path: Path, run: Run) -> None:
    code, _, err = run("--dir", tmp_path / "none", "join", "127.0.0.1:1", "x")
    assert (code, "yunnao init" in err) == (EXIT_USAGE, True)


def test_join_address_where_nobody_listens_is_unreachable(tmp_path: Path, run: Run) -> None:
    token = "0" * 64 + "::" + "0" * 16 + "." + "A" * 43
    made = ("--id", "qingdao", "--level", "municipal", "--territory", "3702")
    assert run("--dir", tmp_path / "city", "join", "127.0.0.1:1", token, *made)[0] == EXIT_UNREACHABLE


def test_verbs_of_a_node_that_does_not_run_are_unreachable(tmp_path: Path, run: Run) -> None:
    code, out, err = run("--dir", tmp_path, "status")
    assert (code, out, "yunnao run" in err) == (EXIT_UNREACHABLE, "", True)


def test_run_with_a_bad_configuration_names_file_and_line(tmp_path: Path, run: Run) -> None:
    (tmp_path / "node.toml").write_text('[node]\nid = "a1"\nlevel = "grid"\nterritory = "37"\nnmae = "x"\n')
    code, _, err = run("--dir", tmp_path, "run")
    assert code == EXIT_CONFIG
    assert "node.toml:5: unknown key 'node.nmae': did you mean 'name'?" in err


def test_status_prints_a_table_and_says_fail_by_exit_code(tmp_path: Path, run: Run, api: Callable[[object], object]) -> None:
    api({"node": {"id": "shinan", "name": "市南区", "state": "FAIL"}, "links": [{"peer": "qingdao", "state": "up"}]})
    code, out, _ = run("--dir", tmp_path, "--lang", "en", "status")
    assert code == EXIT_NEGATIVE
    assert "市南区" in out
    assert "qingdao  up" in out


def test_summary_asks_for_the_window_and_tells_who_is_missing(
    tmp_path: Path, run: Run, api: Callable[[object], list[tuple[str, dict[str, object]]]]
) -> None:
    answer = {
        "columns": ["street", "count"],
        "rows": [["370202006", 7]],
        "contributed": ["a1"],
        "missing": [{"node": "b1", "why": "silent"}],
    }
    asked = api(answer)
    window = ("--from", "2026-05-01T00:00", "--to", "2026-05-01T01:00")
    code, out, err = run("--dir", tmp_path, "--lang", "en", "summary", "pull", "air-quality", *window)
    assert (code, asked) == (
        EXIT_NEGATIVE,
        [("summary", {"resource": "air-quality", "from_us": 1_777_593_600_000_000, "to_us": 1_777_597_200_000_000})],
    )
    assert "370202006  7" in out
    assert "missing: b1 (silent)" in err


def test_device_lists_those_met_and_sends_the_decision(
    tmp_path: Path, run: Run, api: Callable[[object], list[tuple[str, dict[str, object]]]]
) -> None:
    api({"devices": [{"device": "d1", "kind": "air", "protocol": "mqtt", "state": "waiting", "owner": "", "readings": 0}]})
    assert "waiting" in run("--dir", tmp_path, "device")[1]
    asked = api({"device": "d1", "accepted": False})
    assert run("--dir", tmp_path, "device", "refuse", "d1")[0] == EXIT_OK
    assert asked == [("device_admit", {"device": "d1", "accept": False, "owner": "", "by": getpass.getuser()})]


@pytest.mark.parametrize(
    ("proof", "difference", "code"), [("proven", None, 0), ("difference", {"text": "record 4"}, 1), ("cannot-tell", None, 2)]
)
def test_audit_flow_ends_with_what_the_peers_proved(
    tmp_path: Path, run: Run, api: Callable[[object], list[tuple[str, dict[str, object]]]], proof: str, difference: object, code: int
) -> None:
    stream = {"origin": "g1", "resource": "air-quality", "produced": 3, "delivered": 2, "holds": True}
    hop = {"peer": "b1", "direction": "up", "streams": [stream], "proof": proof, "why": "b1 has no link", "difference": difference}
    asked = api({"hops": [hop], "first_difference": difference and "record 4"})
    found, out, err = run("--dir", tmp_path, "--lang", "en", "audit", "flow", "--stream", "g1/air-quality", "--from", "2", "--since", "24h")
    assert (found, "g1" in out, "b1 up: " in err) == (code, True, True)
    wanted = {"origin": "g1", "resource": "air-quality", "first": 2, "ask_peers": True}
    assert {name: asked[0][1][name] for name in wanted} == wanted


def test_audit_flow_of_the_own_half_ends_with_1_when_a_stream_does_not_add_up(
    tmp_path: Path, run: Run, api: Callable[[object], object]
) -> None:
    stream = {"origin": "g1", "resource": "air-quality", "produced": 3, "delivered": 2, "holds": True}
    api({"hops": [{"peer": "b1", "direction": "up", "streams": [stream]}], "first_difference": None})
    assert run("--dir", tmp_path, "audit", "flow", "--no-peers")[0] == EXIT_OK
    api({"hops": [{"peer": "b1", "direction": "up", "streams": [{**stream, "holds": False}]}], "first_difference": None})
    assert run("--dir", tmp_path, "audit", "flow", "--no-peers", "--json")[0] == EXIT_NEGATIVE


@pytest.mark.parametrize(
    "words", [("--stream", "g1"), ("--stream", "g1/air", "--origin", "g1"), ("--from", "0"), ("--from", "5", "--to", "4"), ("--since", "x")]
)
def test_audit_flow_refuses_what_makes_no_sense(tmp_path: Path, run: Run, words: tuple[str, ...]) -> None:
    assert run("--dir", tmp_path, "audit", "flow", *words)[0] == EXIT_USAGE


@pytest.mark.parametrize(("is_equal", "code"), [(True, 0), (False, 1), (None, 2)])
def test_audit_equal_tells_of_the_newest_proof(
    tmp_path: Path, run: Run, api: Callable[[object], object], is_equal: bool | None, code: int
) -> None:
    api({"hops": [{"peer": "b1", "direction": "up", "is_equal": is_equal, "age_s": 3.0}]})
    found, out, _ = run("--dir", tmp_path, "--lang", "en", "audit", "equal")
    assert (found, "b1" in out) == (code, True)


def test_explain_sends_the_row_and_prints_every_rule(
    tmp_path: Path, run: Run, api: Callable[[object], list[tuple[str, dict[str, object]]]]
) -> None:
    asked = api({"outcome": "masked", "steps": [{"rule": "ceiling", "reason": "grade 3"}], "columns": [], "version": "ab"})
    code, out, _ = run("--dir", tmp_path, "policy", "explain", "residents", "--distance", "2", "--row", '{"grade": 3}')
    assert (code, asked[0][1]["predicate_row"], "ceiling" in out) == (EXIT_OK, {"grade": 3}, True)
    assert run("--dir", tmp_path, "policy", "explain", "residents", "--row", "[1]")[0] == EXIT_USAGE


def test_refusal_of_the_node_and_nonsense_from_it_are_refused(tmp_path: Path, run: Run, api: Callable[[object], object]) -> None:
    api(ApiError("not-found", "resource 'x' is not in the catalogue"))
    assert run("--dir", tmp_path, "summary", "pull", "x")[0] == EXIT_REFUSED
    nonsense = NodeClient(tmp_path, lambda *_: b"[1]")
    with pytest.raises(ApiError, match="not a JSON object"):
        nonsense.call("status")


@pytest.mark.slow
async def test_client_speaks_to_a_real_socket_and_tells_refused_from_absent(tmp_path: Path) -> None:
    async def answer(verb: str, body: bytes) -> bytes:
        if verb == "explain":
            raise LocalApiError(LocalApiCode.NOT_FOUND, "no such resource")
        return json.dumps({"verb": verb, "body": json.loads(body)}).encode()

    server = await serve_local(tmp_path / "api.sock", answer)
    node = NodeClient(tmp_path)
    assert await asyncio.to_thread(node.call, "summary", resource="x", spec=None) == {"verb": "summary", "body": {"resource": "x"}}
    with pytest.raises(ApiError, match="no such resource") as caught:
        await asyncio.to_thread(node.call, "explain", resource="x")
    assert caught.value.exit_code == EXIT_REFUSED
    await server.stop()


def test_socket_that_nobody_serves_is_unreachable(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(tmp_path / "api.sock"))
    with pytest.raises(NodeUnreachable):
        NodeClient(tmp_path).call("status", timeout_s=2)


def test_client_without_a_socket_says_how_to_start_the_node(tmp_path: Path) -> None:
    with pytest.raises(NodeUnreachable, match="yunnao run"):
        NodeClient(tmp_path).call("status")


def test_doctor_of_a_sound_province_has_no_failure(province: Path, run: Run) -> None:
    toml = (province / "node.toml").read_text().replace(":7440", ":0").replace(":7441", ":0").replace(":1883", ":0")
    (province / "node.toml").write_text(toml)
    code, out, _ = run("--dir", province, "--lang", "en", "doctor", "--json")
    found = {entry["id"]: entry["severity"] for entry in json.loads(out)["checks"]}
    assert [name for name, severity in found.items() if severity == "FAIL"] in ([], ["socket"])
    assert (found["certificates"], found["parent"], found["config"]) == ("OK", "SKIP", "OK")
    assert code == (EXIT_NEGATIVE if found["socket"] == "FAIL" else EXIT_OK)


def test_doctor_without_a_node_fails_and_says_what_to_do(tmp_path: Path, run: Run) -> None:
    code, out, _ = run("--dir", tmp_path / "none", "--lang", "zh", "doctor")
    assert code == EXIT_NEGATIVE
    assert "yunnao init" in out
    assert "处理办法" in out


def test_doctor_offline_warns_once_and_does_not_fail(province: Path, tmp_path: Path, run: Run, join_address: str) -> None:
    from node.doctor.checks import look_at
    from node.doctor.model import Severity
    from node.doctor.node import parent

    token = run("--dir", province, "token", "create", "--level", "street", "--territory", "37", "--auto-accept")[1].strip()
    child = tmp_path / "street"
    run("--dir", child, "join", join_address, token, "--id", "badaguan", "--level", "street", "--territory", "370202006")
    assert parent(look_at(child, SystemClock())).severity is Severity.OK
    toml = (child / "node.toml").read_text().replace(join_address, "127.0.0.1:1")
    (child / "node.toml").write_text(toml)
    assert parent(look_at(child, SystemClock())).severity is Severity.WARN


def test_values_of_nodes_are_shown_and_never_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["名称", "x"], [["[@click=app.quit]\x1b[31m", 1], ["市南区", 2.5]])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "[@click=app.quit]?[31m  1"
    assert cell_len(lines[2].removesuffix("2.5")) == cell_len(lines[1].removesuffix("1"))
    assert plain("a\nb") == "a?b"


def test_times_are_read_as_people_write_them() -> None:
    assert (duration_s("90s"), duration_s("24h"), moment_us("1h", now_us=3_600_000_000)) == (90, 86_400, 0)
    assert moment_us("1970-01-01T08:00+08:00", now_us=5) == 0
    for wrong in ("", "1w", "yesterday"):
        with pytest.raises(UsageError, match="refused"):
            moment_us(wrong, now_us=0)


def test_docs_explain_every_verb_and_exit_code() -> None:
    words = DOCS.read_text("utf-8")
    assert [name for name in BUILT_IN if f"`yunnao {name}" not in words] == []
    assert [code for code in (0, 1, 2, 3, 4, 5, 70, 130, 153) if f"| {code} |" not in words] == []
