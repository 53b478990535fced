"""Catalogues as departments keep them, as entries of ours: every row is good, or nothing is taken and every bad cell is named.

Owns how rows find their entry (by code, national code or title) and what they change of it. Reads files and knows no node: who calls
(`node/verbs/catalogue.py`) brings the entries that are there and hands the result over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from node.catalogue.columns import SheetKind
from node.catalogue.csv_sheet import read_csv
from node.catalogue.errors import Problem, RowsRefused, SheetRefused
from node.catalogue.reading import Values, read_row
from node.catalogue.sheets import Layout, Row, Sheet, layout_of
from policies.catalogue import COMMON_COLUMNS, Resource
from policies.errors import BundleError
from sync.model import Lane

ENTRIES_MAX = 20_000
PROBLEMS_MAX = 1_000
"""Bad cells that are collected before reading ends."""
FILES_MAX = 16
LISTED = ("class_code", "national_code", "provider_code", "abstract", "format", "share_condition", "share_way", "is_open", "open_condition",
          "published_on", "related")  # fmt: skip
"""Columns that go into an entry's listing under their own name."""
PLAIN = ("title_zh", "title_en", "provider", "owner", "share", "grade", "national", "categories", "lineage", "mode", "library", "lane",
         "purpose", "source_level", "returns")  # fmt: skip
"""Columns that go into the entry under their own name."""
EMPTY: Mapping[str, object] = {
    "title_en": "", "provider": "", "owner": "", "purpose": "", "source_level": "", "categories": [], "lineage": [], "related": [],
    "is_open": False,
    "returns": False, "grade": 0, "national": "general", "share": "conditional", "mode": "replicate", "library": "topic", "lane": "bulk",
    "retention": 0,
}  # fmt: skip
"""What `-` sets; a text where nothing stands here is emptied. An entry that says nothing of its sharing is conditional, never open."""


NAMING = ("code", "national_code", "resource_title")
"""Columns by which a row of fields names its resource."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What a whole import comes to."""

    resources: tuple[Resource, ...]
    """Entries that are new or changed, by code."""
    added: tuple[str, ...]
    changed: tuple[str, ...]
    same: int
    """Entries of the files that say what is there already."""
    ignored: tuple[tuple[str, str], ...]
    """(sheet, header) of columns that are not understood."""
    skipped: tuple[str, ...]
    """Sheets that are neither of resources nor of fields."""


@dataclass(slots=True)
class _Entry:
    """One entry while its rows are read."""

    place: tuple[str, int]
    base: Resource | None
    values: Values
    fields: list[tuple[tuple[str, int], Values]] = field(default_factory=list)
    is_bad: bool = False
    """True when a row of it had a bad cell: what is left of it is not judged."""


def read_files(paths: Sequence[Path]) -> list[Sheet]:
    """Every sheet of the files, CSV or XLSX by their name; raises SheetRefused."""
    if len(paths) > FILES_MAX:
        raise SheetRefused(f"{len(paths)} files refused: at most {FILES_MAX} at once")
    sheets: list[Sheet] = []
    for path in paths:
        suffix = path.suffix.lower()
        if suffix in (".csv", ".txt", ".tsv"):
            sheets.append(read_csv(path))
        elif suffix == ".xlsx":
            from node.catalogue.xlsx import read_xlsx

            sheets += read_xlsx(path)
        else:
            raise SheetRefused(f"{path.name} refused: no .xlsx and no .csv; save it as one of them")
    return sheets


@dataclass(frozen=True, slots=True)
class Present:
    """What is there before an import."""

    entries: Mapping[str, Resource] = field(default_factory=dict)
    fixed: frozenset[str] = frozenset()
    """Codes of which records exist: their layout must stay as it is."""
    masks: frozenset[str] = frozenset()
    """Mask profiles in force."""


def import_sheets(sheets: Sequence[Sheet], present: Present) -> Imported:
    """The entries that the sheets add or change beside those that are present; raises SheetRefused, RowsRefused."""
    layouts = [(sheet.name, layout_of(sheet)) for sheet in sheets]
    read = [(name, layout) for name, layout in layouts if layout is not None]
    skipped = tuple(name for name, layout in layouts if layout is None)
    if not read:
        raise SheetRefused(
            f"nothing imported: no sheet of {', '.join(skipped) or 'these files'} has a header that is understood; "
            "a sheet of resources names at least 信息资源代码 and 信息资源名称 (national code, title)"
        )
    problems: list[Problem] = []
    finder = _Finder(present.entries)
    for name, layout in read:
        if layout.kind is SheetKind.RESOURCES:
            _read_resources(name, layout, finder, problems)
    for name, layout in read:
        if layout.kind is SheetKind.FIELDS:
            _read_fields(name, layout, finder, problems)
    sound = [entry for entry in finder.entries.values() if not entry.is_bad]
    built = [resource for entry in sound if (resource := _built(entry, present, problems)) is not None]
    if problems:
        raise RowsRefused(sorted(problems, key=lambda problem: (problem.sheet, problem.row)))
    return _result(built, present.entries, read, skipped)


def _result(
    built: Sequence[Resource], known: Mapping[str, Resource], read: Iterable[tuple[str, Layout]], skipped: tuple[str, ...]
) -> Imported:
    news = tuple(sorted((resource for resource in built if known.get(resource.code) != resource), key=lambda resource: resource.code))
    return Imported(
        resources=news,
        added=tuple(resource.code for resource in news if resource.code not in known),
        changed=tuple(resource.code for resource in news if resource.code in known),
        same=len(built) - len(news),
        ignored=tuple((name, head) for name, layout in read for head in layout.ignored),
        skipped=skipped,
    )


class _Finder:
    """Entries by everything that a row may call them."""

    def __init__(self, known: Mapping[str, Resource]) -> None:
        self.entries: dict[str, _Entry] = {}
        self._known = known
        self._by_national = {resource.listing.national_code: code for code, resource in known.items() if resource.listing.national_code}
        self._by_title: dict[str, set[str]] = {}
        for code, resource in known.items():
            self._by_title.setdefault(resource.title_zh, set()).add(code)

    def code_of(self, values: Values) -> str:
        """The code of the entry that a row of resources is about, a new one made of the national code; raises ValueError."""
        if values.get("code"):
            return str(values["code"])
        national = str(values.get("national_code") or "")
        if not national:
            raise ValueError("neither a code nor a national code: fill one in")
        return self._by_national.get(national) or code_from(national)

    def named(self, values: Values) -> str:
        """The code of the entry that a row of fields is about; raises ValueError."""
        code = str(values.get("code") or "") or self._by_national.get(str(values.get("national_code") or ""), "")
        if code in self.entries or code in self._known:
            return code
        titled = self._by_title.get(str(values.get("resource_title") or ""), set())
        if len(titled) == 1:
            return next(iter(titled))
        raise ValueError("several resources have this title: name the code" if titled else "no resource of this code or title")

    def begin(self, code: str, place: tuple[str, int], values: Values) -> _Entry:
        """A new entry of the files; raises ValueError for a second one of this code."""
        if code in self.entries:
            sheet, row = self.entries[code].place
            raise ValueError(f"resource {code} stands in {sheet} row {row} already: keep one of them")
        entry = self.entries[code] = _Entry(place, self._known.get(code), {**values, "code": code})
        national = str(values.get("national_code") or "")
        if national and self._by_national.setdefault(national, code) != code:
            raise ValueError(f"national code {national} is that of resource {self._by_national[national]}: each has its own")
        self._by_title.setdefault(str(values.get("title_zh") or (entry.base.title_zh if entry.base else "")), set()).add(code)
        return entry

    def at(self, code: str, place: tuple[str, int]) -> _Entry:
        """The entry of a code; one that is only in the catalogue begins unchanged."""
        return self.entries[code] if code in self.entries else self.begin(code, place, {})


def check_layout(held: Resource, new: Resource) -> None:
    """Refuse another layout for a resource of which records exist: peers would refuse one of the two. Raises BundleError."""
    before, after = ([(item.name, item.type) for item in resource.fields] for resource in (held, new))
    if before != after:
        odd = next((name for name, kind in [*after, *before] if ((name, kind) in after) != ((name, kind) in before)), "their order")
        raise BundleError(
            f"resource {new.code} has records, so the names, types and order of its fields stay ({odd} differs): "
            "list all of them as they are, or catalogue the new layout under a code of its own"
        )


def code_from(national: str) -> str:
    """The code of a resource that a department knows only by its national code."""
    return "c-" + re.sub(r"[^a-z0-9]+", "-", national.casefold()).strip("-")[:60]


def _read_resources(sheet: str, layout: Layout, finder: _Finder, problems: list[Problem]) -> None:
    for row in layout.data:
        before = len(problems)
        values = read_row(sheet, layout, row, problems)
        try:
            code = finder.code_of(values)
            if len(finder.entries) >= ENTRIES_MAX:
                raise ValueError(f"more than {ENTRIES_MAX} entries at once: split the file by department")
            entry = finder.begin(code, (sheet, row.number), values)
            entry.is_bad = len(problems) > before
            if entry.base is None and not values.get("title_zh"):
                raise ValueError("a new resource without a title")
        except ValueError as error:
            # A row whose code could not be read is reported for that cell already.
            if len(problems) == before:
                problems.append(_row_problem(sheet, row, str(error)))
        _check_count(problems)


def _read_fields(sheet: str, layout: Layout, finder: _Finder, problems: list[Problem]) -> None:
    about: Values = {}
    for row in layout.data:
        before = len(problems)
        values = read_row(sheet, layout, row, problems)
        named: Values = {key: values.pop(key) for key in NAMING if key in values}
        # Departments write the resource once and merge its cell over the rows of its fields.
        about = named or about
        try:
            if not (values.get("name") or values.get("title")):
                raise ValueError("a field without a name")
            place = (sheet, row.number)
            entry = finder.at(finder.named(about), place)
            entry.fields.append((place, values))
            entry.is_bad |= len(problems) > before
        except ValueError as error:
            if len(problems) == before:
                problems.append(_row_problem(sheet, row, str(error)))
        _check_count(problems)


def _check_count(problems: list[Problem]) -> None:
    if len(problems) >= PROBLEMS_MAX:
        raise RowsRefused(problems)


def _row_problem(sheet: str, row: Row, why: str) -> Problem:
    return Problem(sheet, row.number, "", next((cell for cell in row.cells if cell), ""), why)


def _built(entry: _Entry, present: Present, problems: list[Problem]) -> Resource | None:
    """The entry as a resource, read again as strictly as a bundle's; a fault is reported at the row it began in."""
    code = str(entry.values["code"])
    try:
        encoded = _encoded(entry, present.masks, problems)
        built = None if encoded is None else Resource.of(encoded, code)
        if built is not None and entry.base is not None and code in present.fixed:
            check_layout(entry.base, built)
        return built
    except BundleError as error:
        problems.append(Problem(entry.place[0], entry.place[1], "", code, str(error)))
        return None


def _encoded(entry: _Entry, masks: frozenset[str], problems: list[Problem]) -> Values | None:
    values = entry.values
    base = entry.base.encoded() if entry.base else _blank(str(values["code"]), values)
    listing = dict(entry.base.listing.encoded()) if entry.base else {}
    for key in PLAIN:
        if key in values:
            base[key] = _or_empty(key, values[key])
    for key in LISTED:
        if key in values:
            listing[key] = _or_empty(key, values[key])
    if "retention" in values:
        base["retention_s"] = values["retention"] or 0
    if "period" in values:
        base["period_s"], listing["is_irregular"] = values["period"] or (0, False)  # type: ignore[misc]
    _set_class_names(listing, values)
    set_listing(base, listing)
    if entry.fields:
        fields = _fields(entry, masks, problems)
        if fields is None:
            return None
        base["fields"] = fields
        _drop_specimens(base, {str(item["name"]) for item in fields})
    return base


def _drop_specimens(base: Values, names: set[str]) -> None:
    """Take values of fields that are gone out of the fictitious rows."""
    for key in ("specimen", "specimen_listed"):
        row = base.get(key)
        if isinstance(row, dict):
            base[key] = {name: value for name, value in row.items() if name in names or name in COMMON_COLUMNS}


def _blank(code: str, values: Values) -> Values:
    """An entry that is new: ungraded, so held until it is graded, and conditional."""
    title = str(values.get("title_zh") or code)
    return {"code": code, "title_zh": title, "title_en": title, "lane": Lane.BULK.word, "fields": [], "grade": 0, "share": EMPTY["share"]}


def _or_empty(key: str, value: object) -> object:
    return EMPTY.get(key, "") if value == "" else value


def _set_class_names(listing: Values, values: Values) -> None:
    if not any(f"class_{tier}" in values for tier in range(1, 5)):
        return
    held = listing.get("class_names") or ()
    names = [*held, "", "", "", ""][:4] if isinstance(held, list | tuple) else ["", "", "", ""]
    for tier in range(4):
        names[tier] = values.get(f"class_{tier + 1}", names[tier])
    while names and not names[-1]:
        names.pop()
    listing["class_names"] = names


def set_listing(encoded: Values, listing: Values) -> None:
    """Put what is set of a listing into an encoded resource, and no empty one."""
    kept = {key: value for key, value in listing.items() if value}
    encoded.pop("listing", None)
    if kept:
        encoded["listing"] = kept


def _fields(entry: _Entry, masks: frozenset[str], problems: list[Problem]) -> list[Values] | None:
    """The fields of an entry as its rows list them, what a row does not say taken from the field that is there."""
    held = {item.name: item for item in entry.base.fields} if entry.base else {}
    called = {name.casefold(): name for name in held} | {item.title.casefold(): item.name for item in held.values() if item.title}
    found: dict[str, Values] = {}
    before = len(problems)
    for (sheet, number), values in entry.fields:
        title = str(values.get("title") or "")
        typed = str(values.get("name") or title)
        name = called.get(typed.casefold(), typed)
        if name in found:
            problems.append(Problem(sheet, number, "", name, f"field {name!r} stands twice in resource {entry.values['code']}"))
            continue
        if values.get("mask") and values["mask"] not in masks:
            why = f"is no mask profile in force: known are {', '.join(sorted(masks)) or 'none'}"
            problems.append(Problem(sheet, number, "", str(values["mask"]), why))
        base = held[name].encoded() if name in held else {"name": name, "type": "string"}
        changes = {key: _or_empty_field(key, value) for key, value in values.items() if key != "name"}
        found[name] = {**base, **changes}
        if not found[name].get("title"):
            found[name].pop("title", None)
    return list(found.values()) if len(problems) == before else None


def _or_empty_field(key: str, value: object) -> object:
    return {"type": "string", "role": "plain", "grade": 0}.get(key, "") if value == "" else value
