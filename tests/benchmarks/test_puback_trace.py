"""The reader of system-call traces: a recorded trace of a node proves its acknowledgements, and every way to cheat in it is seen.

The recording is of `python -m benchmarks.puback_trace --readings 40 --record FILE`.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from benchmarks import puback_trace
from benchmarks.trace_reader import TraceError, prove

RECORDED = Path(__file__).with_name("puback_trace.gz")
READER = Path(puback_trace.__file__).with_name("trace_reader.py")
Lines = list[str]


@cache
def recorded() -> tuple[str, ...]:
    return tuple(puback_trace.lines_of(RECORDED))


def is_sync(line: str) -> bool:
    return "fdatasync(" in line and "journal.db-wal" in line


def first(lines: Lines, wanted: Callable[[str], bool], after: int = 0) -> int:
    return next(number for number in range(after, len(lines)) if wanted(lines[number]))


def acknowledgement(lines: Lines, after: int = 0) -> int:
    """Where the first PUBACK leaves."""
    return first(lines, lambda line: "sendto(" in line and ', "@' in line, after)


def early(lines: Lines) -> Lines:
    """The first PUBACK before the sync that it waited for."""
    at = acknowledgement(lines)
    sync = max(number for number in range(at) if "fdatasync" in lines[number] and "resumed" not in lines[number])
    return [*lines[:sync], lines[at], *lines[sync:at], *lines[at + 1 :]]


def before_anything(lines: Lines) -> Lines:
    """The first PUBACK right behind the PUBLISH that it is for."""
    at = acknowledgement(lines)
    came = max(number for number in range(at) if "recvfrom(" in lines[number] and "MQTT" not in lines[number])
    written = first(lines, lambda line: "pwrite64(" in line)
    return [*lines[: min(came, written)], *lines[came : came + 1], lines[at], *lines[min(came, written) : came], *lines[came + 1 : at]]


def inside(lines: Lines) -> Lines:
    """A PUBACK while its sync has begun and not returned."""
    sync = first(lines, lambda line: is_sync(line) and "= 0" in line)
    at = acknowledgement(lines, sync)
    begun = lines[sync].split(") ")[0] + " <unfinished ...>\n"
    ended = lines[sync].split("fdatasync(")[0] + "<... fdatasync resumed>) = 0\n"
    return [*lines[:sync], begun, lines[at], ended, *lines[sync + 1 : at], *lines[at + 1 :]]


def without_syncs(lines: Lines) -> Lines:
    return [line for line in lines if "fdatasync" not in line]


def failed_syncs(lines: Lines) -> Lines:
    return [line.replace("= 0", "= -1 EIO (Input/output error)") if "fdatasync" in line else line for line in lines]


def other_file_synced(lines: Lines) -> Lines:
    return [line.replace("journal.db-wal", "devices.db-wal") if "fdatasync" in line else line for line in lines]


def never_committed(lines: Lines) -> Lines:
    """No frame header says that its frame ends a commit: bytes 4 to 8 are zero."""
    changed = []
    for line in lines:
        head, mark, data = line.partition('-wal>, "')
        is_header = mark and ", 24, " in line[-60:]
        parts = ast.literal_eval(f'b"{data[: data.rindex(chr(34))]}"') if is_header else b""
        if not is_header:
            changed.append(line)
            continue
        zeroed = "".join(f"\\{byte:03o}" for byte in parts[:4] + bytes(4) + parts[8:])
        changed.append(head + mark + zeroed + data[data.rindex('"') :])
    return changed


def of_nothing(lines: Lines) -> Lines:
    """A PUBACK with a packet id that no PUBLISH had."""
    at = acknowledgement(lines)
    return [*lines[: at + 1], lines[at].replace(', "@', r', "@\2\377\376@'), *lines[at + 1 :]]


def test_the_recorded_trace_is_proved() -> None:
    proof = prove(recorded())
    assert (proof.violations, proof.publishes, dict(proof.acks)) == ([], 40, {"PUBACK": 40})
    assert set(proof.commits) == set(proof.syncs) == {"journal.db-wal", "rejects.db-wal"}


@pytest.mark.parametrize(
    ("cheat", "words"),
    [
        (early, "whose commit was written and not synced"),
        (before_anything, "which was in no log"),
        (inside, "whose commit was written and not synced"),
        (without_syncs, "whose commit was written and not synced"),
        (failed_syncs, "whose commit was written and not synced"),
        (other_file_synced, "whose commit was written and not synced"),
        (never_committed, "which was written and not committed"),
        (of_nothing, "PUBACK 65534 for no reading that came"),
    ],
)
def test_every_way_to_cheat_is_seen(cheat: Callable[[Lines], Lines], words: str) -> None:
    proof = prove(cheat(list(recorded())))
    assert any(words in violation for violation in proof.violations), proof.violations
    assert not proof.is_good


def test_a_trace_without_acknowledgements_proves_nothing() -> None:
    assert not prove(line for line in recorded() if "sendto(" not in line).is_good


def test_bytes_that_were_cut_short_are_an_error_and_no_proof() -> None:
    lines = [line.replace('", 262144', '"..., 262144') for line in recorded()]
    with pytest.raises(TraceError, match=r"line 1: .* cut short: record with strace -s"):
        prove(lines)


def test_the_reader_imports_no_product_code() -> None:
    nodes = list(ast.walk(ast.parse(READER.read_text("utf-8"))))
    names = [str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)]
    names += [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names


@pytest.mark.slow
def test_the_command_judges_a_file_and_skips_with_a_word_where_strace_is_absent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert puback_trace.main(["--read", str(RECORDED)]) == 0
    assert "every acknowledgement began after its sync returned" in capsys.readouterr().out
    (tmp_path / "trace").write_text("".join(without_syncs(list(recorded()))))
    assert puback_trace.main(["--read", str(tmp_path / "trace")]) == 1
    assert "NOT PROVED" in capsys.readouterr().out
    assert puback_trace.main(["--read", str(tmp_path / "none")]) == 2
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert puback_trace.main([]) == 0
    assert "skipped: strace is not installed" in capsys.readouterr().out


SOCKET = "7<TCP:[127.0.0.1:1883->127.0.0.1:40000]>"
WAL = "9</journal.db-wal>"
RECEIVED_AT_QOS_2 = [
    rf'11 recvfrom({SOCKET}, "\20\15\0\4MQTT\4\2\0<\0\1d", 262144, 0, NULL, NULL) = 15' + "\n",
    rf'11 recvfrom({SOCKET}, "4\r\0\1t\0\5=000001=", 262144, 0, NULL, NULL) = 15' + "\n",
    rf'12 pwrite64({WAL}, "\0\0\0\2\0\0\0\2abcdefghijklmnop", 24, 32) = 24' + "\n",
    rf'12 pwrite64({WAL}, "page with =000001= in it, more than a header", 44, 56) = 44' + "\n",
    rf"12 fdatasync({WAL}) = 0" + "\n",
    rf'11 sendmsg({SOCKET}, {{msg_name=NULL, msg_iov=[{{iov_base="P\2\0\5", iov_len=4}}], msg_iovlen=1}}, 0) = 4' + "\n",
]


def test_at_qos_2_the_pubrec_is_what_must_wait_whatever_call_sends_it() -> None:
    assert (prove(RECEIVED_AT_QOS_2).violations, dict(prove(RECEIVED_AT_QOS_2).acks)) == ([], {"PUBREC": 1})
    swapped = [*RECEIVED_AT_QOS_2[:4], RECEIVED_AT_QOS_2[5], RECEIVED_AT_QOS_2[4]]
    assert prove(swapped).violations == ["line 5: PUBREC 5 of reading =000001= left, whose commit was written and not synced"]
