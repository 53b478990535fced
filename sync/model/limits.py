"""Every bound of the replication system in one table; a peer's value beyond it is refused before memory is spent on it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds with their units; the defaults suit a node with 1 GB of memory."""

    frame_bytes_max: int = 16 << 20
    """Encoded bytes of one frame on the wire."""
    decoded_bytes_max: int = 256 << 20
    """Bytes one payload may unfold to, read from Arrow's length prefixes before allocation."""
    batch_rows_max: int = 65_536
    batch_rows_target: int = 16_000
    """Rows at which a backlog batch is sealed or a coalesced frame is closed."""
    batch_bytes_target: int = 4 << 20
    """Stored payload bytes at which a coalesced frame is closed."""
    job_batches_max: int = 4_096
    """Stored batches one outbound job reads, and manifests that one manifest names: two seconds of a relay of 10,000 origins."""
    runs_per_frame_max: int = 16_384
    """Above `batch_rows_target`: a frame whose every second row is withheld has as many runs as rows."""
    fragments_per_stream_max: int = 4_096
    """Ranges a stream's run map may hold in memory."""
    streams_per_child_max: int = 65_536
    territories_per_batch_max: int = 64
    window_bytes_min: int = 8 << 10
    window_bytes_max: int = 16 << 20
    """Unacknowledged bytes per link; between the two they follow the link's measured rate."""
    inbound_jobs_max: int = 32
    """Frames of one link being verified at once."""
    offers_max: int = 65_536
    """Records waiting in the inbox before the door closes."""
    reconnect_floor_s: float = 0.5
    reconnect_cap_s: float = 30.0
    heartbeat_s: float = 2.0
    detach_after_days: float = 30.0
    """A child silent for this long no longer holds back what may be freed."""
    progress_timeout_s: float = 20.0
    """A link with data in flight and no acknowledged progress for this long is rebuilt."""


DEFAULT_LIMITS = Limits()
