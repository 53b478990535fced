"""The questions of a node put together from its parts. Called by node/policy/governing.py."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from node.assembly import Parts
from node.audit.words import AuditKind
from node.requests.wiring import Requests
from node.store.side_file import open_or_begin_anew
from node.verify.asking import Asking
from node.verify.book import FILE_NAME, Book, Told
from node.verify.errors import BookDamaged
from node.verify.telling import VERIFY, Telling

LOSS = "what was asked before, and how often, is in the file put aside"


@dataclass(frozen=True, slots=True)
class Verification:
    """Both sides."""

    asking: Asking
    telling: Telling

    async def stop(self) -> None:
        """Release the book."""
        self.telling.book.close()


def verification_of(parts: Parts, requests: Requests) -> Verification:
    """The questions, on the way and the cases of the requests; raises VerifyRefused when the book cannot be opened now."""
    taking, giving = requests.taking, requests.giving
    info = b"yunnao-verify-book-1"

    def note(told: Told) -> None:
        detail = {
            "by": told.by,
            "key": told.key,
            "subject": told.subject,
            "field": told.field,
            "purpose": told.purpose,
            "answer": told.answer,
        }
        parts.audit.note_blocking(AuditKind.ANSWER, told.resource, by=told.asker, detail={**detail, "request": told.request})

    telling = Telling(
        cases=giving.cases,
        kind=giving.kind,
        policy=parts.policy,
        journal=parts.journal,
        book=open_or_begin_anew(parts.config.data_dir / FILE_NAME, Book, damaged=BookDamaged, loss=LOSS),
        seal=giving.seal,
        clock=parts.clock,
        clock_quality=giving.clock_quality,
        secret=HKDF(SHA256(), 32, salt=None, info=info).derive(parts.files.pseudonym_secret()),
        note=note,
    )
    taking.routes.answering[VERIFY] = telling.answer
    return Verification(Asking(taking.cases, taking.kind, parts.policy, taking.routes, taking.seal, taking.level), telling)
