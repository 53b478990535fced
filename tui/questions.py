"""The questions the console asks, one per page or detail; every page names them from here."""

from __future__ import annotations

from tui.answers import Devices, Events, Evidence, Explanation, Incidents, Resources, Specimen, Status, Tree
from tui.case_answers import EntryCase, EntryCases, Register
from tui.feed import Question

EVENTS_MAX = 500
INCIDENTS_MAX = 500
DEVICES_MAX = 5_000
WAITING_MAX = 500
SETTLED_MAX = 200
"""Cases of entries that wait, and those approved or decided; the command line lists more."""
SETTLED_LASTS_S = 5.0
REGISTER_LASTS_S = 10.0
"""The node folds every case it lists, so what seldom changes is not asked every second."""

TREE = Question("tree", Tree)
STATUS = Question("status", Status)
EVENTS = Question("events", Events, (("limit", EVENTS_MAX),))
NEWEST = Question("events", Events, (("limit", 1),))
INCIDENTS = Question("incidents", Incidents, (("limit", INCIDENTS_MAX),))
DEVICES = Question("devices", Devices, (("limit", DEVICES_MAX),))
RESOURCES = Question("resources", Resources)
WAITING = Question("entry_list", EntryCases, (("states", ("proposed", "reviewed")), ("limit", WAITING_MAX)))
APPROVED = Question("entry_list", EntryCases, (("states", ("approved",)), ("limit", SETTLED_MAX)), lasts_s=SETTLED_LASTS_S)
DECIDED = Question(
    "entry_list", EntryCases, (("states", ("refused", "withdrawn", "revoked")), ("limit", SETTLED_MAX)), lasts_s=SETTLED_LASTS_S
)
REGISTER = Question("entry_register", Register, lasts_s=REGISTER_LASTS_S)


def entry_case(case_id: str) -> Question[EntryCase]:
    """The case of one entry, whole."""
    return Question("entry_show", EntryCase, (("id", case_id),))


def evidence(sha256: str) -> Question[Evidence]:
    """The picture with this hash; it never changes."""
    return Question("evidence", Evidence, (("sha256", sha256),), once=True)


def specimen(resource: str, *, lasts_s: float = 0.0, policy: str = "") -> Question[Specimen]:
    """The fictitious specimen of `resource` in all its forms, good for `lasts_s` seconds or until `policy` is another version."""
    return Question("specimen", Specimen, (("resource", resource),), lasts_s=lasts_s, basis=policy)


def explain(resource: str, direction: str, distance: int) -> Question[Explanation]:
    """Why `resource` goes `direction` (up or return) over `distance` levels as it does."""
    return Question("explain", Explanation, (("resource", resource), ("direction", direction), ("distance", distance)))
