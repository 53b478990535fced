"""The listing of a resource: the core metadata of the national catalogue guide (政务信息资源目录编制指南) beside what policy needs of it.

Owns the words of the guide that no rule reads: class codes and names, national code, provider code, abstract, format, share condition and
way, open attribute, publish date, related codes. Every key is written only when it is set, so that a bundle without listings has the bytes
it always had; a program from before refuses a bundle that has one ("unknown key") and goes on with the one it holds. Called by
`policies.catalogue` and by the import and export of catalogues.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from policies.classify.identifiers import is_credit_code
from policies.errors import BundleError
from policies.reading import Reader

CLASS_TIERS = ("class", "item", "sub-item", "detail")
"""类, 项, 目, 细目: the tiers of a class code."""
RELATED_MAX = 200
"""Codes of related resources in one listing."""

_CLASS_CODE = re.compile(r"[0-9](?:[0-9]{2}(?:[0-9]{3}(?:[0-9]{1,12})?)?)?")
_NATIONAL_CODE = re.compile(r"[0-9A-Za-z][0-9A-Za-z/_.-]{0,79}")
_TEXTS = ("class_code", "national_code", "provider_code", "abstract", "format", "share_condition", "share_way", "open_condition")


@dataclass(frozen=True, slots=True)
class Listing:
    """What the guide asks of an entry; an empty value is one that its department has not given."""

    class_code: str = ""
    """类 (1 digit), 项 (2), 目 (3) and 细目 (the rest) in one."""
    class_names: tuple[str, ...] = ()
    """Their names, as many as the code has tiers or fewer."""
    national_code: str = ""
    """信息资源代码: class code and running number, as the department's catalogue has it."""
    provider_code: str = ""
    """统一社会信用代码 of the provider, 18 characters."""
    abstract: str = ""
    format: str = ""
    """信息资源格式, such as a database, a spreadsheet or a picture, in the department's words."""
    share_condition: str = ""
    share_way: str = ""
    """共享方式: platform, interface, file or mail, in the department's words."""
    is_open: bool = False
    """开放属性: offered to the public by its provider; what leaves is still the policy's to say."""
    open_condition: str = ""
    is_irregular: bool = False
    """True for an update period of 不定期: nothing is promised, and 0 seconds do not mean "as it happens"."""
    published_on: str = ""
    """发布日期, YYYY-MM-DD."""
    related: tuple[str, ...] = ()
    """关联资源代码."""

    @classmethod
    def of(cls, value: object, where: str) -> Listing:
        """A listing from decoded JSON or TOML; raises BundleError."""
        reader = Reader(value, where)
        built = cls(
            **{name: reader.text(name, "") for name in _TEXTS},
            class_names=reader.texts("class_names"),
            is_open=reader.flag("is_open", default=False),
            is_irregular=reader.flag("is_irregular", default=False),
            published_on=reader.text("published_on", ""),
            related=reader.texts("related"),
        )
        reader.done()
        built.check(where)
        return built

    def encoded(self) -> dict[str, object]:
        """The inverse of `of`: only what is set."""
        values: dict[str, object] = {name: getattr(self, name) for name in (*_TEXTS, "is_open", "is_irregular", "published_on")}
        values |= {"class_names": list(self.class_names), "related": list(self.related)}
        return {name: value for name, value in values.items() if value}

    def check(self, where: str) -> None:
        """Refuse what the guide's formats rule out; raises BundleError naming the key, its value and the form that would do."""
        if self.class_code and not _CLASS_CODE.fullmatch(self.class_code):
            raise BundleError(f"{where}.class_code {self.class_code!r} refused: write 1, 3, 6 or 7 to 18 digits, a tier each")
        if len(self.class_names) > len(CLASS_TIERS):
            raise BundleError(f"{where}.class_names refused: {len(self.class_names)} names for {len(CLASS_TIERS)} tiers")
        if self.national_code and not _NATIONAL_CODE.fullmatch(self.national_code):
            raise BundleError(f"{where}.national_code {self.national_code!r} refused: write at most 80 of digits, letters and / _ . -")
        if self.provider_code and not is_credit_code(self.provider_code):
            raise BundleError(
                f"{where}.provider_code {self.provider_code!r} refused: it is no unified social credit code "
                "(18 characters, the last a check character)"
            )
        if self.published_on and not _is_date(self.published_on):
            raise BundleError(f"{where}.published_on {self.published_on!r} refused: write YYYY-MM-DD")
        if len(self.related) > RELATED_MAX:
            raise BundleError(f"{where}.related refused: {len(self.related)} codes, at most {RELATED_MAX}")


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
