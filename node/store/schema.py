"""The journal's pages, tables and migrations. docs/journal.md describes the tables for people who read the file without this code.

Called by node/store/file.py, which makes and opens the file.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlite_utils import Database, Migrations

from sync.model import RunMap, State

FORMAT_VERSION = 2
"""Version of the file's layout, in table `meta`; a program refuses a newer one than its own."""
APPLICATION_ID = 0x594E_4A4C
"""`PRAGMA application_id` of a journal: "YNJL" in ASCII."""
BUSY_TIMEOUT_S = 5.0
"""How long a statement waits for another process that holds the file."""



@dataclass(frozen=True, slots=True)
class Tuning:
    """Sizes of the file, in bytes."""

    page_bytes: int = 65_536
    """A batch of 84 kB takes two pages of 64 KiB instead of 21 of 4 KiB: half the CPU of an append."""
    checkpoint_bytes: int = 64 << 20
    """Size of the write-ahead log at which a commit moves it into the file."""
    writer_cache_bytes: int = 16 << 20
    reader_cache_bytes: int = 4 << 20
    file_bytes_max: int | None = None
    """Quota of the file; a commit that would pass it is refused as JournalFull. None: the disk decides."""
    is_synced: bool = True
    """False only under a simulated disk, which decides itself what a power cut leaves: commits then do not wait for the real one."""


DEFAULT_TUNING = Tuning()
LOG_SHARE = 16
"""Under a quota the log moves into the file at this part of it; the log's file keeps at most twice that."""
LOG_BYTES_MIN = 1 << 20


def tuning_under(quota_bytes: int) -> Tuning:
    """Sizes for a journal that may use so many bytes; 0: as much as the disk has."""
    if not quota_bytes:
        return DEFAULT_TUNING
    return Tuning(checkpoint_bytes=min(DEFAULT_TUNING.checkpoint_bytes, max(LOG_BYTES_MIN, quota_bytes // LOG_SHARE)))


journal_migrations = Migrations("journal")


@journal_migrations()
def m001_meta(db: Database) -> None:
    """Facts about the file itself."""
    db.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID")


@journal_migrations()
def m002_batches(db: Database) -> None:
    """Batches and their runs. The payload is the last column, so that reading a header never walks its overflow pages."""
    db.execute(
        """
        CREATE TABLE batch (
            lsn INTEGER PRIMARY KEY CHECK (lsn > 0),
            lane INTEGER NOT NULL,
            direction INTEGER NOT NULL,
            resource TEXT NOT NULL,
            schema_version INTEGER NOT NULL,
            row_count INTEGER NOT NULL CHECK (row_count >= 0),
            payload_bytes INTEGER NOT NULL CHECK (payload_bytes >= 0),
            decoded_bytes INTEGER NOT NULL CHECK (decoded_bytes >= 0),
            codec TEXT NOT NULL,
            event_time_min_us INTEGER NOT NULL,
            event_time_max_us INTEGER NOT NULL,
            grade_max INTEGER NOT NULL,
            origin_distance INTEGER NOT NULL,
            backfill INTEGER NOT NULL,
            source TEXT NOT NULL,
            territories TEXT NOT NULL,
            policy_version BLOB NOT NULL,
            plan_hash BLOB NOT NULL,
            payload_sha256 BLOB NOT NULL,
            replaces INTEGER,
            manifest BLOB,
            origin_manifest BLOB,
            payload BLOB NOT NULL
        ) STRICT
        """
    )
    db.execute("CREATE INDEX batch_by_lane ON batch (lane, lsn, direction, row_count, payload_bytes)")
    db.execute("CREATE INDEX batch_by_resource ON batch (resource, lsn, payload_bytes)")
    db.execute(
        """
        CREATE TABLE batch_run (
            lsn INTEGER NOT NULL,
            idx INTEGER NOT NULL,
            origin TEXT NOT NULL,
            incarnation INTEGER NOT NULL CHECK (incarnation >= 0),
            first_seq INTEGER NOT NULL CHECK (first_seq > 0),
            last_seq INTEGER NOT NULL CHECK (last_seq >= first_seq),
            row_offset INTEGER,
            state INTEGER NOT NULL,
            reason TEXT NOT NULL,
            decider TEXT NOT NULL,
            duplicate INTEGER NOT NULL,
            sealed_wall_us INTEGER NOT NULL,
            sealed_counter INTEGER NOT NULL,
            offset_us INTEGER NOT NULL,
            uncertainty_us INTEGER NOT NULL,
            PRIMARY KEY (lsn, idx)
        ) STRICT, WITHOUT ROWID
        """
    )


@journal_migrations()
def m003_streams(db: Database) -> None:
    """What this node holds of each stream."""
    db.execute(
        """
        CREATE TABLE stream (
            origin TEXT NOT NULL,
            incarnation INTEGER NOT NULL CHECK (incarnation >= 0),
            lane INTEGER NOT NULL,
            resource TEXT NOT NULL,
            run_map BLOB NOT NULL,
            mark INTEGER NOT NULL,
            top INTEGER NOT NULL,
            PRIMARY KEY (origin, incarnation, lane, resource)
        ) STRICT, WITHOUT ROWID
        """
    )


@journal_migrations()
def m004_ledger(db: Database) -> None:
    """What left for whom, under which plan."""
    db.execute(
        """
        CREATE TABLE ledger (
            id INTEGER PRIMARY KEY,
            peer TEXT NOT NULL,
            direction INTEGER NOT NULL,
            lane INTEGER NOT NULL,
            span_after INTEGER NOT NULL CHECK (span_after >= 0),
            span_upto INTEGER NOT NULL CHECK (span_upto >= span_after),
            part INTEGER NOT NULL,
            parts INTEGER NOT NULL,
            resource TEXT NOT NULL,
            plan_hash BLOB NOT NULL,
            policy_version BLOB NOT NULL,
            payload_sha256 BLOB NOT NULL,
            manifest_digest BLOB NOT NULL,
            chain BLOB NOT NULL,
            closed INTEGER NOT NULL
        ) STRICT
        """
    )
    db.execute("CREATE INDEX ledger_span ON ledger (peer, direction, lane, span_upto, part)")
    _create_run_table(db, "ledger_run", "ledger_id")
    db.execute(f"CREATE INDEX ledger_run_held ON ledger_run (ledger_id) WHERE state = {int(State.HELD)}")


@journal_migrations()
def m005_positions(db: Database) -> None:
    """How far peers have this journal, and how far this node has theirs."""
    db.execute(
        """
        CREATE TABLE out_mark (
            peer TEXT NOT NULL, direction INTEGER NOT NULL, lane INTEGER NOT NULL,
            stored INTEGER NOT NULL CHECK (stored >= 0),
            secured INTEGER NOT NULL CHECK (secured >= 0),
            wire INTEGER NOT NULL CHECK (wire >= 0),
            PRIMARY KEY (peer, direction, lane)
        ) STRICT, WITHOUT ROWID
        """
    )
    db.execute(
        """
        CREATE TABLE in_position (
            peer TEXT NOT NULL, incarnation INTEGER NOT NULL CHECK (incarnation >= 0), direction INTEGER NOT NULL, lane INTEGER NOT NULL,
            upto INTEGER NOT NULL CHECK (upto >= 0), chain BLOB NOT NULL,
            PRIMARY KEY (peer, incarnation, direction, lane)
        ) STRICT, WITHOUT ROWID
        """
    )


@journal_migrations()
def m006_refusals(db: Database) -> None:
    """Frames refused by a peer or by this node; never their payloads."""
    db.execute(
        """
        CREATE TABLE refusal (
            id INTEGER PRIMARY KEY,
            peer TEXT NOT NULL,
            direction INTEGER NOT NULL,
            lane INTEGER NOT NULL,
            span_after INTEGER NOT NULL,
            span_upto INTEGER NOT NULL,
            part INTEGER NOT NULL,
            resource TEXT NOT NULL,
            payload_sha256 BLOB NOT NULL,
            reason TEXT NOT NULL,
            policy_version BLOB NOT NULL,
            by_peer INTEGER NOT NULL,
            ledger_top INTEGER NOT NULL
        ) STRICT
        """
    )
    db.execute("CREATE INDEX refusal_span ON refusal (peer, direction, lane, span_upto, part)")
    _create_run_table(db, "refusal_run", "refusal_id")
    db.execute(
        """
        CREATE TABLE held_settled (
            peer TEXT NOT NULL, direction INTEGER NOT NULL, lsn INTEGER NOT NULL,
            PRIMARY KEY (peer, direction, lsn)
        ) STRICT, WITHOUT ROWID
        """
    )


def _create_run_table(db: Database, table: str, owner: str) -> None:
    db.execute(
        f"""
        CREATE TABLE {table} (
            {owner} INTEGER NOT NULL,
            idx INTEGER NOT NULL,
            origin TEXT NOT NULL,
            incarnation INTEGER NOT NULL CHECK (incarnation >= 0),
            first_seq INTEGER NOT NULL CHECK (first_seq > 0),
            last_seq INTEGER NOT NULL CHECK (last_seq >= first_seq),
            state INTEGER NOT NULL,
            reason TEXT NOT NULL,
            decider TEXT NOT NULL,
            PRIMARY KEY ({owner}, idx)
        ) STRICT, WITHOUT ROWID
        """
    )


@journal_migrations()
def m007_stream_ranges(db: Database) -> None:
    """Run maps as one row per range, so that a commit writes what changed: format 2, which an older program must not open."""
    db.execute(
        """
        CREATE TABLE stream_range (
            origin TEXT NOT NULL,
            incarnation INTEGER NOT NULL CHECK (incarnation >= 0),
            lane INTEGER NOT NULL,
            resource TEXT NOT NULL,
            first_seq INTEGER NOT NULL CHECK (first_seq > 0),
            last_seq INTEGER NOT NULL CHECK (last_seq >= first_seq),
            state INTEGER NOT NULL,
            PRIMARY KEY (origin, incarnation, lane, resource, first_seq)
        ) STRICT, WITHOUT ROWID
        """
    )
    maps = db.execute("SELECT origin, incarnation, lane, resource, run_map FROM stream")
    for *stream, run_map in maps:
        rows = [(*stream, entry.first, entry.last, int(entry.state)) for entry in RunMap.decode(run_map)]
        db.conn.executemany("INSERT INTO stream_range VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    db.execute("DROP TABLE stream")
    db.execute("UPDATE meta SET value = '2' WHERE key = 'format_version'")


@journal_migrations()
def m008_freeing(db: Database) -> None:
    """Batches whose payload was let go, and how much that was; readers of rows look only at the others.

    `kept_time` maps positions to the time for which this node has been keeping them; see node/keeping/retention.py.
    """
    db.execute("ALTER TABLE batch ADD COLUMN freed INTEGER NOT NULL DEFAULT 0")
    db.execute("DROP INDEX batch_by_resource")
    db.execute("CREATE INDEX batch_kept ON batch (resource, lsn, payload_bytes) WHERE freed = 0")
    db.execute(
        """
        CREATE TABLE freed (
            lane INTEGER NOT NULL,
            resource TEXT NOT NULL,
            state INTEGER NOT NULL,
            batches INTEGER NOT NULL,
            records INTEGER NOT NULL,
            payload_bytes INTEGER NOT NULL,
            PRIMARY KEY (lane, resource, state)
        ) STRICT, WITHOUT ROWID
        """
    )
    db.execute("CREATE TABLE kept_time (lsn INTEGER PRIMARY KEY, wall_us INTEGER NOT NULL, kept_us INTEGER NOT NULL) STRICT")


@journal_migrations()
def m009_lives(db: Database) -> None:
    """Which starts of this node wrote what, and which of a peer's wrote what is held of it: where two copies of a journal parted."""
    db.execute(
        """
        CREATE TABLE life (
            ordinal INTEGER PRIMARY KEY,
            id INTEGER NOT NULL,
            after_lsn INTEGER NOT NULL CHECK (after_lsn >= 0)
        ) STRICT
        """
    )
    db.execute(
        """
        CREATE TABLE peer_life (
            peer TEXT NOT NULL,
            incarnation INTEGER NOT NULL CHECK (incarnation >= 0),
            ordinal INTEGER NOT NULL,
            id INTEGER NOT NULL,
            after_lsn INTEGER NOT NULL CHECK (after_lsn >= 0),
            PRIMARY KEY (peer, incarnation, ordinal)
        ) STRICT, WITHOUT ROWID
        """
    )


@journal_migrations()
def m020_proof_and_repair(db: Database) -> None:
    """Sums over rewritten rows as they were sent, and damaged batches that were set aside until a peer gives them back."""
    db.execute("CREATE TABLE ledger_sum (ledger_id INTEGER PRIMARY KEY, sums BLOB NOT NULL) STRICT")
    # Older parts were rewritten without a sum: nobody can tell any more which.
    db.execute("INSERT INTO meta SELECT 'row_sums_from', CAST(coalesce(max(id), 0) + 1 AS TEXT) FROM ledger")
    db.execute(
        """
        CREATE TABLE aside (
            lsn INTEGER PRIMARY KEY,
            given_up INTEGER NOT NULL,
            row_count INTEGER NOT NULL,
            payload_bytes INTEGER NOT NULL,
            decoded_bytes INTEGER NOT NULL,
            codec TEXT NOT NULL,
            event_time_min_us INTEGER NOT NULL,
            event_time_max_us INTEGER NOT NULL,
            grade_max INTEGER NOT NULL,
            territories TEXT NOT NULL,
            payload_sha256 BLOB NOT NULL,
            manifest BLOB,
            origin_manifest BLOB,
            payload BLOB NOT NULL
        ) STRICT
        """
    )
    db.execute(
        "CREATE TABLE aside_run (lsn INTEGER NOT NULL, idx INTEGER NOT NULL, row_offset INTEGER NOT NULL, PRIMARY KEY (lsn, idx)) "
        "STRICT, WITHOUT ROWID"
    )


@journal_migrations()
def m021_bearers(db: Database) -> None:
    """Which child brought which life (an origin in one incarnation) first."""
    db.execute(
        """
        CREATE TABLE bearer (
            origin TEXT NOT NULL, incarnation INTEGER NOT NULL CHECK (incarnation >= 0), child TEXT NOT NULL,
            PRIMARY KEY (origin, incarnation, child)
        ) STRICT
        """
    )


@journal_migrations()
def m022_quarantine(db: Database) -> None:
    """Which refusals no policy mends, how often and when they happened, and what an operator decided about each."""
    for column in ("quarantine", "at_us", "decision", "decided_us"):
        db.execute(f"ALTER TABLE refusal ADD COLUMN {column} INTEGER NOT NULL DEFAULT 0")
    db.execute("ALTER TABLE refusal ADD COLUMN tries INTEGER NOT NULL DEFAULT 1")
    db.execute("ALTER TABLE refusal ADD COLUMN decided_why TEXT NOT NULL DEFAULT ''")
    db.execute("CREATE INDEX refusal_open ON refusal (quarantine, id) WHERE decision = 0")


@journal_migrations()
def m023_refused_life(db: Database) -> None:
    """Which life of its sender a refused frame was of: the spans of the next one count anew."""
    db.execute("ALTER TABLE refusal ADD COLUMN incarnation INTEGER NOT NULL DEFAULT 0")


@journal_migrations()
def m024_passed_before_damage(db: Database) -> None:
    """Which peers had got past a batch before it was set aside: the others get its records when it is whole again."""
    db.execute(
        "CREATE TABLE aside_passed (lsn INTEGER NOT NULL, peer TEXT NOT NULL, direction INTEGER NOT NULL, lane INTEGER NOT NULL, "
        "PRIMARY KEY (peer, direction, lane, lsn)) STRICT, WITHOUT ROWID"
    )


@journal_migrations()
def m025_renumbered(db: Database) -> None:
    """Which numbers of this node are others now, so that a peer that has them by the former ones can be told."""
    db.execute(
        "CREATE TABLE renumbered (ordinal INTEGER PRIMARY KEY, old INTEGER NOT NULL CHECK (old >= 0), "
        "new INTEGER NOT NULL CHECK (new >= 0), lane INTEGER NOT NULL, resource TEXT NOT NULL, "
        "base INTEGER NOT NULL CHECK (base >= 0)) STRICT"
    )


@journal_migrations()
def m026_refused_program(db: Database) -> None:
    """Under which software a frame was refused, as another one may understand it, and by which life of a peer."""
    db.execute("ALTER TABLE refusal ADD COLUMN program TEXT NOT NULL DEFAULT ''")
    db.execute("ALTER TABLE refusal ADD COLUMN refuser INTEGER NOT NULL DEFAULT 0")


@journal_migrations()
def m027_plans_of_the_ledger(db: Database) -> None:
    """What was decided under a plan is found by it: what one denied goes when another is in force."""
    db.execute("CREATE INDEX ledger_plan ON ledger (peer, direction, resource, plan_hash)")


@journal_migrations()
def m028_audit(db: Database) -> None:
    """The audit log: its entries, and the end of their chain. Only what people look for is indexed, so that a stamp touches few pages."""
    db.execute(
        """
        CREATE TABLE audit_entry (
            seq INTEGER PRIMARY KEY CHECK (seq > 0), entry TEXT NOT NULL, prev BLOB NOT NULL, hash BLOB NOT NULL,
            is_followed INTEGER AS (
                CASE WHEN json_valid(entry) THEN json_extract(entry, '$[2]') IN ('start', 'decisions', 'checkpoint') ELSE 0 END
            ) STORED,
            kind TEXT AS (CASE WHEN json_valid(entry) THEN json_extract(entry, '$[2]') END) VIRTUAL,
            subject TEXT AS (CASE WHEN json_valid(entry) THEN json_extract(entry, '$[3]') END) VIRTUAL
        ) STRICT
        """
    )
    db.execute("CREATE INDEX audit_found ON audit_entry (kind, subject, seq) WHERE kind <> 'decisions'")
    db.execute(
        "CREATE TABLE audit_head (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, hash BLOB NOT NULL, "
        "stamped INTEGER NOT NULL) STRICT"
    )


@journal_migrations()
def m029_recalled(db: Database) -> None:
    """Records that a recall erased or masked here, by number, and how far this node is with each order."""
    db.execute(
        """
        CREATE TABLE recalled (
            order_id TEXT NOT NULL,
            lsn INTEGER NOT NULL,
            idx INTEGER NOT NULL,
            origin TEXT NOT NULL,
            incarnation INTEGER NOT NULL CHECK (incarnation >= 0),
            lane INTEGER NOT NULL,
            resource TEXT NOT NULL,
            first_seq INTEGER NOT NULL CHECK (first_seq > 0),
            last_seq INTEGER NOT NULL CHECK (last_seq >= first_seq),
            is_masked INTEGER NOT NULL,
            was_sha256 BLOB NOT NULL,
            at_us INTEGER NOT NULL,
            PRIMARY KEY (order_id, lsn, idx)
        ) STRICT, WITHOUT ROWID
        """
    )
    db.execute(
        """
        CREATE TABLE recall_order (
            id TEXT PRIMARY KEY,
            entry TEXT NOT NULL,
            issuer TEXT NOT NULL,
            began_us INTEGER NOT NULL,
            done_us INTEGER NOT NULL,
            told_us INTEGER NOT NULL,
            facts TEXT NOT NULL
        ) STRICT, WITHOUT ROWID
        """
    )


@journal_migrations()
def m030_door(db: Database) -> None:
    """Sessions of the sensor door, and the QoS 2 packet ids whose messages are stored and not yet released."""
    db.execute("CREATE TABLE door_session (client TEXT PRIMARY KEY, facts TEXT NOT NULL, ended_us INTEGER NOT NULL) STRICT, WITHOUT ROWID")
    db.execute(
        "CREATE TABLE door_packet (client TEXT NOT NULL, packet_id INTEGER NOT NULL CHECK (packet_id BETWEEN 1 AND 65535), "
        "PRIMARY KEY (client, packet_id)) STRICT, WITHOUT ROWID"
    )


@journal_migrations()
def m031_repaired(db: Database) -> None:
    """How often batches of a resource were set aside and put back, for what reads by position; and what recalls saw of it."""
    db.execute(
        "CREATE TABLE repaired (resource TEXT PRIMARY KEY, set_aside INTEGER NOT NULL, put_back INTEGER NOT NULL, "
        "walked INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID"
    )
