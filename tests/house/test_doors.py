"""Every way out of the process: which modules open sockets or write files, and why; and that rows leave only as what a gate let go.

A new door needs a line here, with its reason; a door that is gone loses its line.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from sync.model import Run
from sync.ports import Outcome, Released, let_rows_go
from tests.house.doors import Door, calls_of, doors_of

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("sync", "policies", "edge_ai", "node", "tui", "simulations")
F, S = frozenset({Door.FILE}), frozenset({Door.SOCKET})

DOORS: dict[str, tuple[frozenset[Door], str]] = {
    "edge_ai/clips.py": (F, "writes rendered street clips for demonstrations"),
    "edge_ai/analysis/ledger.py": (F, "counts of frames that outlive the analysis process, in the folder of the frame rings"),
    "edge_ai/looks/measuring.py": (F, "reads its task; the clip it makes to measure this box goes with it"),
    "edge_ai/memory.py": (F | S, "ctypes asks the C library to give free memory back; it opens nothing"),
    "edge_ai/models/apart.py": (F | S, "starts the throw-away process that reads a foreign model; bounded in memory, time and files"),
    "edge_ai/models/apart_main.py": (F, "that process: tells its result in a file of its own folder"),
    "edge_ai/models/graph.py": (F, "in that process: the normalised model, beside the one that came"),
    "edge_ai/models/importing.py": (F, "a folder of its own for one import, gone when it ends"),
    "edge_ai/models/library.py": (F, "which version of a model is live, in the node's folder of models"),
    "edge_ai/models/package.py": (F, "packages of models in the node's folder of models; no row and no picture of a camera"),
    "edge_ai/models/trials.py": (F, "empty files that say which process tries a version, in the node's folder of models"),
    "node/algorithms/news.py": (F, "offers of packages that a node heard of, in its folder of models"),
    "node/algorithms/usage_book.py": (F, "counts of what models did and was not told yet, in the node's folder of models"),
    "node/algorithms/shelf.py": (F, "a package in a folder of its own for its golden run, gone when that ends"),
    "node/algorithms/offers.py": (F, "pieces of packages on their way to or from other nodes, in the node's folder of models"),
    "node/algorithms/parcel.py": (F, "a package of a model as one file, where a person at the box names it or for nodes that ask"),
    "edge_ai/outlet.py": (S, "ZeroMQ to its own node, on a local socket"),
    "edge_ai/ring/layout.py": (F, "frame rings: memory-mapped files for this user only, between processes of one node"),
    "edge_ai/ring/reader.py": (F, "maps frame rings for reading"),
    "edge_ai/ring/writer.py": (F, "frame rings: puts the finished file in place and takes it away"),
    "edge_ai/rules/memory.py": (F, "open events and things that stay, one JSON file for each camera"),
    "edge_ai/serving.py": (F | S, "reads a process's description; asks the kernel to end it with its parent"),
    "edge_ai/sources/lending.py": (F | S, "ctypes gives memory back that cv2 lost; it opens nothing"),
    "edge_ai/sources/decoder.py": (S, "cv2 decodes compressed pictures from memory; it is never given an address"),
    "edge_ai/sources/files.py": (S, "cv2 decodes video files; FFmpeg may open nothing but the file itself"),
    "edge_ai/sources/rtsp/client.py": (S, "the RTSP connection to a camera"),
    "edge_ai/sources/v4l2.py": (S, "cv2 reads a local camera device"),
    "edge_ai/evidence/handing.py": (F, "originals in the node's own folder of evidence; they leave it under a grant alone"),
    "edge_ai/spool.py": (F, "events and masked evidence that wait for the node's acknowledgement"),
    "edge_ai/looks/trial.py": (F, "marked pictures of a clip for who tries a rule on it, in the folder named"),
    "node/attachment/orders.py": (F, "keeps signed attachment orders"),
    "node/audit/left.py": (F, "makes the folder of notes that verbs leave for the audit log: who, what, when"),
    "node/cameras/admission.py": (F | S, "keeps what was measured of this box; runs the process that measures"),
    "node/cameras/grouping.py": (F, "makes and clears the folder of the frame rings"),
    "node/cameras/discovery.py": (S, "asks a cameras' network who is there, and each camera for its streams; sends no data"),
    "node/cameras/looking.py": (F | S, "starts the throw-away process that looks at one camera"),
    "node/cameras/process.py": (F | S, "starts camera processes, with their descriptions in files for this user only"),
    "node/cameras/crew.py": (F, "takes the folder of the frame rings away"),
    "node/cameras/supervisor.py": (F | S, "starts camera workers, takes their events over ZeroMQ, keeps masked evidence"),
    "node/carriage/exporting.py": (F, "removes parts of an export that were withdrawn"),
    "node/carriage/papers.py": (F, "makes the folder of what a peer's receipts said"),
    "node/carriage/receipts.py": (F, "receipts: positions, no rows"),
    "node/carriage/watching.py": (F, "moves parcels that were read out of the watched folder"),
    "node/carriage/writer.py": (F, "parcels: frames that the pipeline gated, as on a link"),
    "node/catalogue/csv_sheet.py": (F, "exports the catalogue as a sheet: resources and fields, no records"),
    "node/catalogue/xlsx.py": (F, "exports the catalogue as a workbook: resources and fields, no records"),
    "node/cli.py": (F, "points a closed stdout at the null device"),
    "node/config/template.py": (F, "writes the first node.toml"),
    "node/doctor/machine.py": (F, "tries the disk with a temporary file"),
    "node/doctor/node.py": (F | S, "tries the ports and the parent; opens the journal read-only"),
    "node/engine/engine_room.py": (F, "makes the node's folders"),
    "node/evidence/clip_store.py": (F, "moves clips to their day, removes them when their time is over"),
    "node/evidence/keeping.py": (F, "removes originals that no event keeps"),
    "node/verbs/camera_video.py": (F, "live video that a person asked for, into a file of theirs, with a note of who has it"),
    "node/verbs/camera_page.py": (F, "the still of a rule's page, in a folder that goes before the page is served"),
    "node/loopback/server.py": (S, "serves one page to browsers of this machine, on loopback alone, behind a token"),
    "node/evidence/stamping.py": (S, "starts the processes that burn who asked into a copy and mask a clip"),
    "node/evidence/store.py": (F, "moves originals to their day, removes them when their time is over"),
    "node/file_lock.py": (F, "files that one writer at a time holds: a running node, the list of cameras"),
    "node/files.py": (F, "the one way to write a small file that survives a power cut"),
    "node/fork/change.py": (F, "removes the note of a finished change of incarnation"),
    "node/fork/reseed.py": (F, "removes the note of a finished reseed"),
    "node/gb28181/client.py": (S, "SIP to the configured video platform: points of the camera directory up to L2, no media"),
    "node/identity/admissions.py": (F, "identity.db: who may become a child"),
    "node/identity/files.py": (F, "makes the folder of keys and certificates"),
    "node/identity/join_client.py": (S, "asks a parent for a certificate over TLS"),
    "node/identity/join_files.py": (F, "the same on files: requests and certificates, no records"),
    "node/identity/join_server.py": (S, "gives children certificates over TLS"),
    "node/identity/keys.py": (F, "private keys, mode 0600"),
    "node/ingest/device_file.py": (F, "the registry of devices"),
    "node/ingest/door.py": (S, "MQTT from sensors: takes, and answers with acknowledgements"),
    "node/ingest/feed.py": (F | S, "`yunnao feed`: replays a series into a sensor door and notes what was acknowledged"),
    "node/ingest/modbus/line.py": (S, "asks Modbus devices for registers; sends requests to read and nothing else"),
    "node/ingest/report_door.py": (S, "HJ 212, JT/T 808 and SL 651 from devices: takes, and answers with acknowledgements"),
    "node/ingest/mosquitto.py": (S, "subscribes to a site's broker; publishes nothing"),
    "node/ingest/rejects.py": (F, "dead letters of this node's own devices"),
    "node/store/marts.py": (F, "deletes marts that are not whole"),
    "node/policy/held.py": (F, "signed bundles and slices of them, written whole beside each other"),
    "node/policy/store.py": (F, "makes the folder of signed bundles"),
    "node/sql/engine.py": (F, "DuckDB in memory; access to files is off before any statement runs"),
    "node/store/file.py": (F, "makes the journal"),
    "node/store/mart.py": (F, "the DuckDB projection of this node's own journal"),
    "node/store/readers.py": (F, "opens the journal for reading"),
    "node/store/repair.py": (F, "repairs a stopped node's journal in place"),
    "node/store/side_file.py": (F, "the small databases beside the journal"),
    "node/store/torn.py": (F, "what a power cut leaves, for the simulator"),
    "node/links/strangers.py": (S, "accepts and bounds connections of every port"),
    "node/tracing/sheet.py": (F, "recordings: lengths and keyed hashes instead of values"),
    "node/verbs/init.py": (F, "makes the node's folder"),
    "node/verbs/request_file.py": (F, "what a grant gave, where the requester asked for it"),
    "simulations/audit_verb.py": (F, "opens journals read-only"),
    "simulations/checkers/copies.py": (F, "opens journals read-only"),
    "simulations/checkers/excuses.py": (F, "opens journals read-only"),
    "simulations/demo/camera.py": (F, "the demonstration's camera description"),
    "simulations/demo/folders.py": (F, "the demonstration's node folders"),
    "simulations/demo/ports.py": (S, "looks which loopback ports are free"),
    "simulations/demo/processes.py": (F | S, "starts the demonstration's nodes, their output into logs"),
    "simulations/papers.py": (F, "certificates of a simulated city"),
    "simulations/devices/cameras_verb.py": (F, "rendered clips for simulated cameras, in a temporary folder"),
    "simulations/devices/device.py": (S, "a simulated device's connection to the sensor door it is pointed at"),
    "simulations/devices/rtsp_camera.py": (S, "a simulated camera, on loopback only"),
    "simulations/devices/verb.py": (F, "the ledger of a park of simulated devices, where it is asked to"),
    "simulations/disks.py": (F, "simulated disks"),
    "simulations/inject_copies.py": (F, "simulated backups and clones"),
    "simulations/inject_disks.py": (F, "simulated loss of disks"),
    "simulations/leaks/folder.py": (F, "copies databases into a temporary folder to read them"),
    "simulations/planning/city_verb.py": (F, "writes a report where it is asked to"),
    "simulations/planning/sizing_verb.py": (F, "a temporary folder of a trial"),
    "simulations/replay.py": (F, "a temporary journal of a replay"),
    "simulations/scratch.py": (F, "makes and removes the folders of worlds"),
    "simulations/shards.py": (S, "processes of the simulator and pipes to them"),
    "simulations/tree.py": (F, "a temporary folder of a simulated root key"),
    "sync/transport/diagnose.py": (F | S, "one TLS handshake by hand, to say why a link does not come up"),
    "sync/transport/grpc_setup.py": (S, "gRPC: links and the local API"),
    "sync/transport/local_api.py": (F | S, "the Unix socket of the local API, for its owner alone"),
}

LETS_ROWS_GO = {
    "policies/gate.py": "the gate",
    "sync/ports.py": "where it is defined",
    "simulations/planted/policy.py": "plants the very leak that the checkers must see",
}
"""Who may construct a Released that brings rows."""
ENCODES_ROWS = {
    "node/fork/sparing.py": "stored rows without those a peer has, before the gate sees them",
    "node/engine/pipeline.py": "rows of Released pieces, into frames",
    "node/recall/cutting.py": "what tombstones leave of an arriving batch, and copies for a requeue, into the own journal",
    "node/recall/rewriting.py": "what a recall leaves of a batch, back into the own journal",
    "node/repair/taking.py": "a damaged batch made whole again in the own journal",
    "node/evidence/handing_out.py": "an original or a clip that CompiledGate.give let go as a row, sealed to the requester",
    "node/cameras/viewing/giving.py": "a live picture or piece of video that CompiledGate.give let go as a row, sealed to the requester",
    "node/requests/giving.py": "rows that CompiledGate.give let go, sealed to the requester",
    "node/sealed/sealing.py": "rows that the gate let go to a node beyond the next, sealed to it",
    "node/engine/sealing.py": "local records on their way into the own journal",
    "sync/wire/payload.py": "where it is defined",
}
"""Who turns rows into bytes that could travel."""
FRAMES = {"node/engine/pipeline.py": "from Released pieces", "sync/core/ready.py": "where it is defined"}
"""Who makes the parts of frames."""
GIVES = {"policies/granting.py": "the gate's half for grants", "policies/viewing.py": "the gate's half for a person at the node"}
"""Who makes what a grant gives."""


def sources() -> dict[str, str]:
    """The product's modules, generated ones left out."""
    found = (path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py")) if not path.name.endswith("_pb2.py"))
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in found}


def words(doors: frozenset[Door] | None) -> str:
    """The doors in words."""
    return " and ".join(sorted(doors or ())) or "nothing"


def differences(found: dict[str, frozenset[Door]]) -> list[str]:
    """What the table says and the sources do not, and the other way round."""
    told = {path: doors for path, (doors, _) in DOORS.items()}
    return sorted(
        f"{path}: opens {words(found.get(path))}, the table says {words(told.get(path))}"
        for path in found.keys() | told.keys()
        if found.get(path, frozenset()) != told.get(path, frozenset())
    )


def test_only_the_modules_of_the_table_open_sockets_or_write_files() -> None:
    found = {path: doors for path, source in sources().items() if (doors := doors_of(source))}
    assert differences(found) == []
    assert all(reason and len(reason.split()) > 1 for _, reason in DOORS.values())


def test_a_new_door_and_one_that_is_gone_are_both_told() -> None:
    found = {path: doors for path, (doors, _) in DOORS.items()} | {"node/new.py": S}
    del found["node/files.py"]
    assert differences(found) == [
        "node/files.py: opens nothing, the table says file",
        "node/new.py: opens socket, the table says nothing",
    ]


PLANTED = {
    "import socket": S,
    "from socket import create_connection": S,
    "import urllib.request": S,
    "import http.client as web": S,
    "import subprocess": F | S,
    "import asyncio as a\na.open_connection('h', 1)": S,
    "from asyncio import start_server as s\ns(print)": S,
    "loop.create_datagram_endpoint(x)": S,
    "import cv2\ncv2.VideoCapture('rtsp://h')": S,
    "open('x', 'w')": F,
    "open('x', mode)": F,
    "open(name, mode='r+b')": F,
    "path.open('ab')": F,
    "from io import open as o\no('x', 'x')": F,
    "path.write_text('x')": F,
    "path.replace(target)": F,
    "import os\nos.open(p, os.O_WRONLY)": F,
    "import os\nos.open(p, flags)": F,
    "import os as system\nsystem.replace(a, b)": F,
    "from os import rename as r\nr(a, b)": F,
    "import os\nwriter = os.write": F,
    "import os\ngetattr(os, 'wri' + 'te')": F | S,
    "import os\nos.system('x')": F,
    "import shutil\nshutil.copyfile(a, b)": F,
    "import tempfile\ntempfile.mkstemp()": F,
    "import mmap": F,
    "import sqlite3\nsqlite3.connect(p)": F,
    "from sqlite3 import connect as c\nc(p)": F,
    "def f():\n    import duckdb\n    duckdb.connect(p)": F,
    "import cv2\ncv2.imwrite(p, x)": F,
    "import numpy as np\nnp.save(p, x)": F,
    "values.tofile(p)": F,
    "import pyarrow as pa\npa.OSFile(p, 'w')": F,
    "import pyarrow.parquet as pq\npq.write_table(t, p)": F,
    "import openpyxl\nbook.save(p)": F,
    "import logging.handlers\nlogging.handlers.RotatingFileHandler(p)": F,
    "exec(text)": F | S,
    "import importlib\nimportlib.import_module(n)": F,
    "import ctypes": F | S,
}
HARMLESS = (
    "open('x')", "open('x', 'rb')", "path.open()", "path.read_text()", "text.replace('a', 'b')", "'a'.replace('b', 'c', 1)",
    "from dataclasses import replace\nreplace(x, y=1)", "import os\nos.open(p, os.O_RDONLY | os.O_DIRECTORY)", "import os\nos.fsync(1)",
    "import shutil\nshutil.disk_usage(p)", "import sqlite3\ndef f(c: sqlite3.Connection) -> None: ...", "import urllib.parse",
    "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import socket", "link.open(session, peer)",
    "import asyncio\nasyncio.sleep(0)",
)  # fmt: skip


@pytest.mark.parametrize("source", PLANTED)
def test_a_planted_door_is_seen(source: str) -> None:
    assert doors_of(source) == PLANTED[source]


@pytest.mark.parametrize("source", HARMLESS)
def test_what_only_reads_is_no_door(source: str) -> None:
    assert doors_of(source) == frozenset()


@pytest.mark.parametrize(
    ("name", "told"), [("let_rows_go", LETS_ROWS_GO), ("encode_payload", ENCODES_ROWS), ("OutboundPart", FRAMES), ("Given", GIVES)]
)
def test_rows_leave_only_where_the_table_says(name: str, told: dict[str, str]) -> None:
    # A call under any alias still names it once, in the import or behind a dot: what never names it need not be read.
    named = {path: source for path, source in sources().items() if name in source}
    assert {path for path, source in named.items() if calls_of(source, name)} | _definitions(told) == told.keys()


def _definitions(told: dict[str, str]) -> set[str]:
    return {path for path, reason in told.items() if reason == "where it is defined"}


def test_a_renamed_call_is_seen() -> None:
    assert calls_of("from sync.ports import let_rows_go as harmless\nharmless(1)", "let_rows_go")
    assert calls_of("import sync.ports as p\np.let_rows_go(1)", "let_rows_go")
    assert calls_of("from sync.ports import let_rows_go\nf = let_rows_go\nf(1)", "let_rows_go")
    assert not calls_of("from sync.ports import Released\ndef f(r: Released) -> None: ...", "let_rows_go")


ROWS = pa.RecordBatch.from_pydict({"name": ["周某某"]})
RUN = (Run("street", 1, 1, 1, 0),)


@pytest.mark.parametrize(("outcome", "rows"), [(Outcome.WHOLE, None), (Outcome.REWRITTEN, ROWS), (Outcome.CLOSED, ROWS)])
def test_nobody_but_a_gate_constructs_a_released_that_brings_rows(outcome: Outcome, rows: pa.RecordBatch | None) -> None:
    with pytest.raises(TypeError, match="let_rows_go"):
        Released(outcome, RUN, rows, b"plan")
    with pytest.raises(TypeError, match="let_rows_go"):
        Released(outcome, RUN, rows, b"plan", seal=object())


def test_a_released_cannot_be_given_other_rows() -> None:
    released = let_rows_go(Outcome.REWRITTEN, RUN, ROWS.slice(0, 0), b"plan")
    with pytest.raises(TypeError, match="let_rows_go"):
        replace(released, rows=ROWS)
    with pytest.raises(TypeError, match="let_rows_go"):
        replace(Released(Outcome.CLOSED, RUN, None, b"plan"), outcome=Outcome.WHOLE)
    with pytest.raises(AssertionError):
        released.part(RUN, grade_max=1)


def test_an_account_without_rows_is_anybodys() -> None:
    assert Released(Outcome.REWRITTEN, RUN, None, b"plan").rows is None
    assert let_rows_go(Outcome.WHOLE, RUN, None, b"plan").part(RUN, grade_max=2).grade_max == 2
