"""The evidence of a node put together from its parts. Called by node/appliance.py."""

from __future__ import annotations

from collections.abc import Mapping

from node.assembly import Parts
from node.audit.words import AuditKind
from node.cameras.rows import INCIDENT_SEVERITY, CameraRows
from node.evidence.book import FILE_NAME, EvidenceBook, EvidenceBookDamaged
from node.evidence.clip_copies import ClipCopies
from node.evidence.clip_fetching import CLIP, clips_of
from node.evidence.desk import EvidenceDesk
from node.evidence.fetching import ORIGINAL, originals_of
from node.evidence.incidents import IncidentNews
from node.evidence.keeping import Keeping, rules_of
from node.evidence.store import FOLDER, EvidenceStore
from node.incidents.following import Following
from node.requests.wiring import Requests
from node.store.side_file import open_or_begin_anew
from policies.entry import CLOCK_UNSURE_US

BY_ITSELF = "program"
"""Who lets originals go that no person let go."""
LOSS = "which event each original belongs to is in the file put aside; the originals stay until they are old"


def evidence_of(parts: Parts, rows: CameraRows, rule_kinds: Mapping[tuple[str, str], str], incidents: Following) -> EvidenceDesk:
    """The desk, after a look at what lies there; raises EvidenceFault when the book cannot be opened now, OSError for the folder."""
    book = open_or_begin_anew(parts.config.data_dir / FILE_NAME, EvidenceBook, damaged=EvidenceBookDamaged, loss=LOSS)
    store = EvidenceStore(parts.config.data_dir / FOLDER)
    desk = EvidenceDesk(
        book=book,
        store=store,
        keeping=Keeping(book, store, rules_of(parts.config.file.evidence)),
        node=parts.me.node,
        incidents=IncidentNews(book, incidents),
        rule_kinds=rule_kinds,
        opens_incident=lambda kind: kind in INCIDENT_SEVERITY,
        rows=rows.take,
        note_gone=lambda detail: parts.audit.note(AuditKind.OPERATOR, FOLDER, by=BY_ITSELF, detail=detail),
        clock=parts.clock,
        is_clock_sure=lambda: parts.runtime.engine.clock.uncertainty_us <= CLOCK_UNSURE_US,
    )
    desk.start()
    return desk


def give_originals(evidence: EvidenceDesk, requests: Requests) -> None:
    """Answer questions for originals and clips under grants from now on."""
    answering = requests.taking.routes.answering
    answering[ORIGINAL.verb] = originals_of(evidence, requests.giving).answer
    answering[CLIP.verb] = clips_of(ClipCopies(evidence), requests.giving).answer
