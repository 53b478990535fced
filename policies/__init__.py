"""Classification, negative list, masks and compiled plans. Pure: Arrow batches in, Arrow batches and decisions out.

The way in: `preset_bundle` or `decode_signed` -> `merge` -> `CompiledGate`.
"""

from policies.bundle import Bundle, Contents, SignedBundle, decode_signed, newer_than, sign_bundle
from policies.catalogue import Derived, Field, Resource, schema
from policies.columns import highest_grade
from policies.compile import PlanBook
from policies.entry import Basis, Entry
from policies.errors import BundleError, PolicyError, PredicateError
from policies.gate import CompiledGate, Station
from policies.masks import KeyRing
from policies.ruleset import Ruleset, merge
from policies.words import Distance, Reason, Share, Verdict, Way

__all__ = [
    "Basis",
    "Bundle",
    "BundleError",
    "CompiledGate",
    "Contents",
    "Derived",
    "Distance",
    "Entry",
    "Field",
    "KeyRing",
    "PlanBook",
    "PolicyError",
    "PredicateError",
    "Reason",
    "Resource",
    "Ruleset",
    "Share",
    "SignedBundle",
    "Station",
    "Verdict",
    "Way",
    "decode_signed",
    "highest_grade",
    "merge",
    "newer_than",
    "schema",
    "sign_bundle",
]
