"""Renewal of certificates inside files: a child's file asks, the parent's next file brings what was issued.

Both are messages of the link (a Query and its Answer), so a program that does not know them passes over them. The request is signed by the
key it is for, the answer proves itself by its chain: neither adds trust to the file around it. Owns: when a file asks, and how long an
answer is carried. Called by office.py and importing.py.
"""

from __future__ import annotations

import logging

from node.assembly import Parts
from node.carriage.papers import Paper
from node.identity.admissions import Stage
from node.identity.errors import IdentityError
from node.identity.renewal import Dates
from node.identity.verify import load_chain
from sync.core.messages import Answer, Message, Query

log = logging.getLogger("yunnao.carriage")

RENEW = "renew"
"""Verb of the Query."""
RENEW_ID = 1
"""Its id: a file carries one at most."""
FRESH_SHARE = 0.25
"""An issued certificate is carried again for this share of its life before another is issued."""


def renewal_messages(parts: Parts, paper: Paper, *, is_parent: bool) -> list[Message]:
    """What a file for the peer carries: this node's request, or the certificate that was issued to the peer."""
    if is_parent:
        request = parts.keeper.request()
        return [Query(RENEW_ID, RENEW, request)] if request else []
    return [Answer(RENEW_ID, paper.issued.encode())] if paper.issued else []


def take_renewal(parts: Parts, paper: Paper, message: Query | Answer, *, is_parent: bool, chain_pem: str) -> None:
    """A file of the peer brought `message`; `chain_pem` is the chain in its header. What is refused is logged: the file goes on."""
    try:
        if is_parent and isinstance(message, Answer) and message.id == RENEW_ID and message.body:
            parts.keeper.take(message.body, parent_pem=chain_pem.encode())
        elif not is_parent and isinstance(message, Query) and message.verb == RENEW:
            paper.issued = _issue(parts, paper, message.body)
    except (IdentityError, UnicodeDecodeError) as error:
        log.warning("renewal by file: %s", error)


def settle_renewal(paper: Paper, chain_pem: str) -> None:
    """The child's file shows which certificate it has: one that arrived need not be carried again."""
    if paper.issued and load_chain(paper.issued.encode())[0] in load_chain(chain_pem.encode()):
        paper.issued = ""


def _issue(parts: Parts, paper: Paper, csr: bytes) -> str:
    now_us = parts.clock.wall_us()
    if paper.issued and not Dates.of(load_chain(paper.issued.encode())[0]).is_past(FRESH_SHARE, now_us):
        return paper.issued
    admission = parts.admissions.renew(csr.decode(), now_us=now_us)
    assert admission.stage is Stage.ACCEPTED, "renewed without being a child"
    return admission.certificate_pem + parts.files.read(parts.files.certificate("ca")).decode()
