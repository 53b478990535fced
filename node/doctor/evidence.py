"""The check of the originals of events: folder and book, both ways, without reading the files."""

from __future__ import annotations

from contextlib import closing

from node.doctor.model import Finding, Place, Severity, failed
from node.evidence.book import FILE_NAME, EvidenceBook
from node.evidence.check import compare
from node.evidence.errors import EvidenceFault
from node.evidence.store import FOLDER, EvidenceStore


def evidence(place: Place) -> Finding:
    """Every original that the book calls kept lies in its folder; a node without cameras has none."""
    assert place.config is not None
    book_path = place.config.data_dir / FILE_NAME
    if not book_path.exists():
        return Finding(Severity.OK, "no_originals")
    try:
        with closing(EvidenceBook(book_path)) as book:
            report = compare(book, EvidenceStore(place.config.data_dir / FOLDER), deep=False, settle=False)
            lost = book.counts()["lost"]
    except (EvidenceFault, OSError) as error:
        return failed(error)
    saw = {"kept": report.kept, "mb": report.bytes >> 20}
    if report.without_files.count or lost or report.without_rows.count:
        gone = report.without_files.count + lost
        return Finding(Severity.WARN, "originals_gone", saw | {"gone": gone, "strange": report.without_rows.count})
    return Finding(Severity.OK, "originals", saw)
