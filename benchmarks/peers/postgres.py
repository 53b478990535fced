"""PostgreSQL logical replication: one cluster for each node, each subscribed to the one below it."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.peers.common import START_S_MAX, Form, PeerError, free_port, wait_for

PROGRAMS = Path("/usr/lib/postgresql")
"""Where Debian keeps each major version."""
SETTINGS = "wal_level=logical,fsync=on,synchronous_commit=on,listen_addresses=127.0.0.1,shared_buffers=128MB,max_wal_size=4GB"
COPY_ROWS = 5_000
ROW = "air-0001\tair-quality\t1790000000000000\t120.31\t36.07\t17.25\t1\t1\n"
COLUMNS = "device text, resource text, ts bigint, lon float8, lat float8, value float8, quality int, grade int"


class Postgres:
    """Rows by COPY, 5,000 a transaction; or our batches as bytea, one a row."""

    name = "PostgreSQL logical replication (rows by COPY, 5,000 a transaction; batches as bytea)"
    durability = "fsync at the origin; subscribers apply with synchronous_commit=off and confirm only what is flushed; no TLS"

    def missing(self) -> str:
        """The program that is not installed."""
        return "" if _programs() else "postgresql"

    def catch_up(self, folder: Path, form: Form, *, hops: int, records: int) -> float:
        """From enabling the subscriptions until a marker row, written last, is at the top."""
        with ExitStack() as stack:
            nodes = [stack.enter_context(_cluster(folder / f"pg{index}")) for index in range(hops + 1)]
            kind = "payload bytea" if form is Form.OPAQUE else COLUMNS
            for node in nodes:
                node.sql(f"CREATE TABLE bench ({kind}); CREATE TABLE marker (at int PRIMARY KEY);")
                node.sql("CREATE PUBLICATION up FOR TABLE bench, marker;")
            for lower, upper in zip(nodes[1:], nodes, strict=False):
                lower.sql("SELECT pg_create_logical_replication_slot('up', 'pgoutput');")
                upper.sql(
                    f"CREATE SUBSCRIPTION up CONNECTION 'host=127.0.0.1 port={lower.port} user=postgres dbname=postgres' PUBLICATION up "
                    "WITH (enabled=false, create_slot=false, slot_name='up', copy_data=false);"
                )
            self._fill(nodes[-1], form, records)
            began = time.monotonic()
            for upper in nodes[:-1]:
                upper.sql("ALTER SUBSCRIPTION up ENABLE;")
            ended = wait_for(lambda: nodes[0].sql("SELECT count(*) FROM marker;") == "1", "PostgreSQL's marker row at the top")
            arrived = int(nodes[0].sql("SELECT count(*) FROM bench;"))
            if arrived != records // (form.records if form is Form.OPAQUE else 1):
                raise PeerError(f"PostgreSQL has {arrived} rows at the top")
            return records / (ended - began)

    def _fill(self, node: _Node, form: Form, records: int) -> None:
        if form is Form.OPAQUE:
            row, rows, in_one = f"\\\\x{form.body().hex()}\n", records // form.records, 8
        else:
            row, rows, in_one = ROW, records, COPY_ROWS
        for start in range(0, rows, in_one):
            node.copy(row * min(in_one, rows - start))
        node.sql("INSERT INTO marker VALUES (1);")


class _Node:
    """One running cluster."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self.port = port

    def sql(self, text: str) -> str:
        """The answer of psql, unaligned."""
        return self._psql(["-c", text], "")

    def copy(self, rows: str) -> None:
        """One transaction of rows."""
        self._psql(["-c", "COPY bench FROM STDIN"], rows)

    def _psql(self, arguments: list[str], given: str) -> str:
        command = ["psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-qAtX", "-v", "ON_ERROR_STOP=1", *arguments]
        done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
        if done.returncode:
            raise PeerError(f"psql: {done.stderr.strip()}")
        return done.stdout.strip()


def _programs() -> Path | None:
    found = sorted(PROGRAMS.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3])) if PROGRAMS.is_dir() else []
    return found[-1].parent if found and shutil.which("psql") else None


@contextmanager
def _cluster(folder: Path) -> Iterator[_Node]:
    programs, port = _programs(), free_port()
    assert programs is not None, "asked before"
    # PostgreSQL refuses to run as root.
    as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if os.geteuid() == 0 else []
    folder.mkdir()
    if as_user:
        shutil.chown(folder, "postgres", "postgres")
    settings = [word for setting in (*SETTINGS.split(","), f"unix_socket_directories={folder}") for word in ("-c", setting)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([*as_user, programs / "initdb", "-D", folder / "data", "-A", "trust", "-U", "postgres"], check=True, **quiet)  # type: ignore[call-overload]
    command = [*as_user, programs / "postgres", "-D", folder / "data", "-p", str(port), *settings]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, **quiet)  # type: ignore[call-overload]
    node = _Node(folder, port)
    try:
        wait_for(lambda: _answers(node), "PostgreSQL to answer", START_S_MAX)
        yield node
    finally:
        process.terminate()
        process.wait(timeout=60)


def _answers(node: _Node) -> bool:
    try:
        return node.sql("SELECT 1;") == "1"
    except PeerError:
        return False
