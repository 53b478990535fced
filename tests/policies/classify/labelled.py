"""A labelled set of columns, from a seed: kinds of personal data with dirt in them, and look-alikes that are none.

Every kind comes under telling names, Chinese and English, and under a name that says nothing; every person and number is made up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

import pyarrow as pa

from policies.classify.propose import Sample

ROWS = 120
DIRT = 0.06
"""Part of the values that is missing or rubbish, as in real tables."""
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CREDIT = "0123456789ABCDEFGHJKLMNPQRTUWXY"
SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀英华文玉兰平刚桂国建志海晨宇浩然子轩梓涵欣怡"
STREETS = ("香港中路", "山东路", "江西路", "延安三路", "辽阳西路", "长江路", "台东一路")
DISTRICTS = ("370202", "370203", "370211", "370212", "370213", "370214", "370281")


@dataclass(frozen=True, slots=True)
class Labelled:
    """One column and the rule that should name it; empty: none should."""

    sample: Sample
    rule: str


def resident_id(rng: Random) -> str:
    body = f"{rng.choice(DISTRICTS)}{rng.randint(1940, 2015)}{rng.randint(1, 12):02d}{rng.randint(1, 28):02d}{rng.randint(1, 999):03d}"
    return body + "10X98765432"[sum(int(digit) * weight for digit, weight in zip(body, WEIGHTS, strict=True)) % 11]


def credit_code(rng: Random) -> str:
    body = "91" + rng.choice(DISTRICTS) + "".join(rng.choice(CREDIT) for _ in range(9))
    total = sum(CREDIT.index(char) * pow(3, place, 31) for place, char in enumerate(body))
    return body + CREDIT[(31 - total % 31) % 31]


def bank_card(rng: Random) -> str:
    body = "62" + "".join(str(rng.randrange(10)) for _ in range(rng.choice((13, 16))))
    return next(body + str(digit) for digit in range(10) if luhn(body + str(digit)))


def luhn(number: str) -> bool:
    digits = [int(char) for char in reversed(number)]
    return sum(digit if place % 2 == 0 else sum(divmod(2 * digit, 10)) for place, digit in enumerate(digits)) % 10 == 0


def mobile(rng: Random) -> str:
    number = f"1{rng.choice('3456789')}{rng.randrange(10**9):09d}"
    parts = (number[:3], number[3:7], number[7:])
    return rng.choice((number, number, f"+86{number}", " ".join(parts), "-".join(parts)))


def plate(rng: Random) -> str:
    tail = "".join(rng.choice("0123456789ABCDEFGHJKLMNPQRSTUVWXYZ") for _ in range(5))
    return rng.choice((f"鲁{rng.choice('BU')}{tail}", f"鲁BD{rng.randrange(10**5):05d}", f"鲁{rng.choice('BU')}·{tail}"))


def person(rng: Random) -> str:
    return rng.choice(SURNAMES) + "".join(rng.choice(GIVEN) for _ in range(rng.choice((1, 2, 2))))


def address(rng: Random) -> str:
    flat = f"{rng.randint(1, 30)}栋{rng.randint(1, 6)}单元{rng.randint(101, 2902)}室"
    door = f"{rng.randint(1, 200)}号" + rng.choice(("", flat))
    return rng.choice(("山东省青岛市", "青岛市", "")) + rng.choice(("市南区", "市北区", "崂山区")) + rng.choice(STREETS) + door


def email(rng: Random) -> str:
    return f"user{rng.randrange(10**6)}@{rng.choice(('example.com', 'example.org', 'mail.example.cn'))}"


def day(rng: Random, first: int, last: int) -> str:
    return f"{rng.randint(first, last)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"


def pair(rng: Random) -> str:
    return f"{rng.uniform(119.5, 121):.6f},{rng.uniform(35.5, 37):.6f}"


KINDS: dict[str, tuple[Callable[[Random], str], tuple[str, ...]]] = {
    "resident-id": (resident_id, ("身份证号", "GMSFHM", "id_number", "c1")),
    "credit-code": (credit_code, ("统一社会信用代码", "creditCode", "c2")),
    "bank-card": (bank_card, ("银行卡号", "bank_account", "c3")),
    "mobile": (mobile, ("联系人手机", "SJHM", "mobilePhone", "c4")),
    "plate": (plate, ("号牌号码", "plate_no", "c5")),
    "person-name": (person, ("姓名", "full_name", "c6")),
    "address": (address, ("家庭住址", "home address", "c7")),
    "email": (email, ("电子邮箱", "email", "c8")),
    "birth-date": (lambda rng: day(rng, 1940, 2015), ("出生日期", "date_of_birth")),
    "coordinates": (pair, ("经纬度", "c9")),
    "longitude": (lambda rng: f"{rng.uniform(119.5, 121):.6f}", ("经度", "lng")),
    "latitude": (lambda rng: f"{rng.uniform(35.5, 37):.6f}", ("纬度", "latitude")),
}
"""Rule -> how a value is made, and the names it comes under; the last, where it starts with c, says nothing."""

TRAPS: dict[str, tuple[Callable[[Random], str], tuple[str, ...]]] = {
    "twelve-digit division codes": (lambda rng: f"{rng.choice(DISTRICTS)}{rng.randrange(10**6):06d}", ("区划代码", "t1")),
    "eighteen-digit message ids": (lambda rng: f"{rng.randrange(10**17, 10**18)}", ("消息编号", "message_id", "t2")),
    "order numbers by date": (lambda rng: f"2026{rng.randint(1, 12):02d}{rng.randrange(10**10):010d}", ("订单号", "t3")),
    "eleven-digit counters": (lambda rng: f"{rng.randrange(2 * 10**10, 10**11)}", ("流水号", "t4")),
    "district names": (lambda rng: rng.choice(("张店区", "黄岛区", "高新区", "周村区", "李沧区", "石老人村")), ("所属区域", "t5")),
    "status words": (lambda rng: rng.choice(("正常", "注销", "迁出", "常住", "流动", "高龄")), ("状态", "t6")),
    "dates of business": (lambda rng: day(rng, 2015, 2026), ("登记日期", "created", "t7")),
    "measurements": (lambda rng: f"{rng.uniform(0, 150):.2f}", ("浓度", "value", "t8")),
    "device codes": (lambda rng: f"DEV-{rng.randrange(10**6):06d}", ("设备编号", "device", "t9")),
    "camera codes": (lambda rng: f"3702020{rng.randrange(10**13):013d}", ("摄像机编码", "t10")),
    "organisations": (lambda rng: rng.choice(("市公安局", "王台镇政府", "青岛啤酒厂", "李村街道办事处")), ("单位名称", "t11")),
    "remarks": (lambda rng: rng.choice(("已处理", "请尽快办理", "路面破损需维修", "张先生反映噪声")), ("备注", "t12")),
    "hashes": (lambda rng: f"{rng.getrandbits(128):032x}", ("sha256", "t13")),
    "counts": (lambda rng: str(rng.randrange(10_000)), ("数量", "count", "t14")),
    "colours": (lambda rng: rng.choice(("黄色", "白色", "蓝色", "金色", "黑色")), ("车身颜色", "t15")),
    "file names": (lambda rng: f"report_{rng.randrange(1000)}.pdf", ("file_name", "t16")),
}


def dirty(rng: Random, value: str, dirt: float) -> str | None:
    """The value, or now and then nothing or rubbish."""
    if rng.random() >= dirt:
        return rng.choice((value, value, f" {value} "))
    return rng.choice((None, "", "无", "不详", value[:-1]))


def columns(seed: int, *, dirt: float = DIRT) -> Iterator[Labelled]:
    """Every kind and every trap under each of its names."""
    rng = Random(seed)
    for kinds, is_trap in ((KINDS, False), (TRAPS, True)):
        for rule, (make, names) in kinds.items():
            for name in names:
                values = [dirty(rng, make(rng), dirt) for _ in range(ROWS)]
                column = pa.array(values, pa.string()).dictionary_encode()
                yield Labelled(Sample(name, "", column), "" if is_trap else rule)
