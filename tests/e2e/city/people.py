"""The fictitious residents and enterprises that the suite hands in: built, never found; nobody living was born in these years."""

from __future__ import annotations

from dataclasses import dataclass, field

STREET_PLACE = "370202001001"
OTHER_PLACE = "370202001002"
PROTECTED = "受保护人员"
RESIDENT_COLUMNS = ("territory", "resident_id", "name", "id_number", "phone", "birth_year", "category")
ENTERPRISE_COLUMNS = ("territory", "credit_code", "name", "industry", "status")


@dataclass(slots=True)
class Register:
    """Residents by the rows that `put` takes."""

    rows: list[list[object]] = field(default_factory=list)

    def add(self, count: int, *, place: str, born: int, category: str = "常住") -> None:
        """`count` more people of one place and year."""
        for _ in range(count):
            number = len(self.rows)
            person = [place, f"r-{number:04}", f"样例{number:04}", f"370202{born}{number:08}", f"1{number:010}", born, category]
            self.rows.append(person)

    def values(self, *names: str) -> set[str]:
        """All values of some columns."""
        return {str(row[RESIDENT_COLUMNS.index(name)]) for row in self.rows for name in names}


def residents() -> Register:
    """34 people: cells of 12, 15 and 4 of which the last is below k = 10, and 3 protected ones who would make the 12 a 15."""
    register = Register()
    register.add(12, place=OTHER_PLACE, born=1811)
    register.add(15, place=OTHER_PLACE, born=1823)
    register.add(3, place=OTHER_PLACE, born=1811, category=PROTECTED)
    register.add(4, place=STREET_PLACE, born=1844)
    return register


def enterprises() -> list[list[object]]:
    """Of the street, of a place inside it, of its neighbour in the same district, and of another district."""
    places = ("370202001", "370202001", STREET_PLACE, "370202002", "370203001")
    return [[place, f"91370200SAMPLE{number:03}", f"样例企业{number}", "零售", "存续"] for number, place in enumerate(places)]
