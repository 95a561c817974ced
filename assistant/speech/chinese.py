"""Mandarin as it is said: numbers, dates, times, money, units and signs in characters.

Each rule is one regular expression whose repeats are bounded, so the time is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

_DIGITS = "零一二三四五六七八九"
_MOST_DIGITS_READ_OUT = 40
_UNITS: Mapping[str, str] = {
    "km": "公里", "m": "米", "cm": "厘米", "mm": "毫米", "μm": "微米", "µm": "微米", "nm": "纳米", "kg": "千克", "g": "克",
    "mg": "毫克", "t": "吨",
    "L": "升", "l": "升", "mL": "毫升", "ml": "毫升", "s": "秒", "ms": "毫秒", "min": "分钟", "h": "小时", "Hz": "赫兹",
    "kHz": "千赫", "MHz": "兆赫",
    "GHz": "吉赫", "W": "瓦", "kW": "千瓦", "kWh": "千瓦时", "V": "伏", "mA": "毫安", "mAh": "毫安时", "KB": "千字节",
    "kB": "千字节", "MB": "兆字节",
    "GB": "吉字节", "TB": "太字节", "px": "像素", "dB": "分贝", "kcal": "千卡", "kJ": "千焦", "Pa": "帕", "hPa": "百帕",
    "°C": "摄氏度", "℃": "摄氏度", "°F": "华氏度", "℉": "华氏度", "°": "度", "ft": "英尺", "in": "英寸", "mi": "英里",
    "lb": "磅", "oz": "盎司",
}  # fmt: skip
_POWERS = {"²": "平方", "2": "平方", "³": "立方", "3": "立方", "": "", None: ""}
_MONEY: Mapping[str, str] = {
    "¥": "元", "￥": "元", "$": "美元", "US$": "美元", "€": "欧元", "£": "英镑", "₩": "韩元", "₹": "卢比",
    "RMB": "元", "CNY": "元", "USD": "美元", "EUR": "欧元", "GBP": "英镑", "JPY": "日元", "HKD": "港元", "元": "元", "块": "块",
}  # fmt: skip
_SIGNS = {
    "=": "等于", "≈": "约等于", "≠": "不等于", "≤": "小于等于", "≥": "大于等于", "×": "乘以", "÷": "除以", "±": "正负",
    "∞": "无穷大", "π": "派",
    "√": "根号", "<": "小于", ">": "大于", "+": "加", "−": "减", "&": "和", "²": "的平方", "³": "的立方", "½": "二分之一",
    "⅓": "三分之一",
    "⅔": "三分之二", "¼": "四分之一", "¾": "四分之三", "℃": "摄氏度", "°": "度", "%": "百分号", "$": "美元", "€": "欧元",
    "£": "英镑", "¥": "元", "￥": "元",
}  # fmt: skip
_MEASURES = "个只条张本位名次件种天年块口家辆台把棵朵群双杯瓶层间座头匹份倍场句首篇项支"

_N = r"(?:\d{1,3}(?:,\d{3}){1,4}(?!\d)|\d{1,15})(?:\.\d{1,15})?"
_START = r"(?<![A-Za-z0-9_.,])"
_END = r"(?![A-Za-z0-9_])"
_TO = r"\s?[-–—~～至到]\s?"


def cardinal(number: int) -> str:
    """The characters of an integer below 10^16 in size."""
    if number < 0:
        return "负" + cardinal(-number)
    if number < 10_000:
        words = _below_ten_thousand(number)
        return words.removeprefix("一") if 10 <= number < 20 else words
    for size, name in ((10**12, "万亿"), (10**8, "亿"), (10**4, "万")):
        if number >= size:
            high, low = divmod(number, size)
            gap = "零" if low and low < size // 10 else ""
            # Within a larger number ten is written with its one: 一万零一十.
            return cardinal(high) + name + (gap + (_below_ten_thousand(low) if low < 10_000 else cardinal(low)) if low else "")
    raise AssertionError(number)


def _below_ten_thousand(number: int) -> str:
    words, gap = "", False
    for size, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = number // size % 10
        if digit:
            words += ("零" if gap else "") + _DIGITS[digit] + name
            gap = False
        elif words:
            gap = True
    return words or "零"


def digits(text: str, *, phone: bool = False) -> str:
    """Each digit by its name; on the phone one is 幺."""
    words = "".join(_DIGITS[int(x)] for x in text if x.isascii() and x.isdigit())
    return words.replace("一", "幺") if phone else words


def _number(text: str) -> str:
    sign = {"-": "负", "−": "负", "+": "正"}.get(text[:1], "")
    whole, _, decimals = text.lstrip("+-−").replace(",", "").partition(".")
    words = digits(whole) if len(whole) > 1 and whole[0] == "0" else cardinal(int(whole))
    return sign + words + (f"点{digits(decimals)}" if decimals else "")


def _counted(text: str) -> str:
    """A number before a measure word: two is 两."""
    return "两" if text == "2" else _number(text)


def _huge(match: re.Match[str]) -> str:
    count = sum(x.isdigit() for x in match[0])
    return digits(match[0]) if count <= _MOST_DIGITS_READ_OUT else f"一个{cardinal(count)}位的数"


def _date(year: str | None, month: str, day: str | None) -> str:
    if not 1 <= int(month) <= 12 or (day and not 1 <= int(day) <= 31):
        return "，".join(_number(part) for part in (year, month, day) if part)
    return (f"{digits(year)}年" if year else "") + f"{cardinal(int(month))}月" + (f"{cardinal(int(day))}日" if day else "")


def _slash_date(match: re.Match[str]) -> str:
    first, second, year = match.groups()
    return _date(year, second, first) if int(first) > 12 else _date(year, first, second)


def _time(match: re.Match[str]) -> str:
    hour, minute, second, half = (
        int(match["hour"]),
        int(match["minute"] or 0),
        match["second"],
        (match["half"] or "").strip().lower(),
    )
    if hour > 24 or minute > 59:
        return "比".join(_number(x) for x in match[0].split(":") if x.isdigit()) or match[0]
    words = {"a": "上午", "p": "下午"}.get(half[:1], "") + _counted(str(hour)) + "点"
    if minute:
        words += ("零" if minute < 10 else "") + f"{cardinal(minute)}分"
    return words + (f"{cardinal(int(second))}秒" if second and int(second) else "")


def _money(match: re.Match[str]) -> str:
    upto = f"到{_number(match['upto'])}" if match["upto"] else ""
    words = (
        _number(match["amount"].removesuffix(".00"))
        if upto or match["magnitude"]
        else _counted(match["amount"].removesuffix(".00"))
    )
    magnitude = {"k": "千", "K": "千", "million": "百万", "M": "百万", "billion": "十亿", "B": "十亿"}.get(
        match["magnitude"] or "", match["magnitude"]
    )
    return ("负" if match["minus"] else "") + words + upto + (magnitude or "") + _MONEY[match["sign"]]


def _unit(match: re.Match[str]) -> str:
    upto = f"到{_number(match['upto'])}" if match["upto"] else ""
    words = (_number(match["number"]) if upto else _counted(match["number"])) + upto
    unit = _POWERS[match["power"]] + _UNITS[match["unit"]]
    return f"每{_UNITS[match['per']]}{words}{unit}" if match["per"] else words + unit


def _percent(match: re.Match[str]) -> str:
    upto = f"到百分之{_number(match['upto'])}" if match["upto"] else ""
    return f"百分之{_number(match['number'])}{upto}"


def _phone(match: re.Match[str]) -> str:
    groups = re.findall(r"\d+", match[0])
    if sum(map(len, groups)) < 7:
        return match[0]
    return ("加" if match[0].startswith("+") else "") + "，".join(digits(group, phone=True) for group in groups)


_units = "|".join(re.escape(unit) for unit in sorted(_UNITS, key=len, reverse=True))
_signs = "|".join(re.escape(sign) for sign in sorted(_MONEY, key=len, reverse=True))
_big = r"\s?(?P<magnitude>万亿|[千百万亿]|million|billion|[kKMB](?![A-Za-z]))?"

_Rule = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]
_RULES: tuple[_Rule, ...] = (
    (re.compile(r"\d{16,}(?:[.,]\d+)*|\d{1,3}(?:,\d{3}){5,}"), _huge),
    (re.compile(r"(?<!\d)(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?=\D|$)T?"), lambda m: _date(m[1], m[2], m[3])),
    (re.compile(r"(?<=\d\d:\d\d)Z\b"), ""),
    (re.compile(r"(?<!\d)(\d{4}|\d{2})\s?年(?:\s?(\d{1,2})\s?月)?(?:\s?(\d{1,2})\s?[日号])?(?!代)"),
     lambda m: f"{digits(m[1])}年" + (f"{cardinal(int(m[2]))}月" if m[2] else "") + (f"{cardinal(int(m[3]))}日" if m[3] else "")),
    (re.compile(r"(?<!\d)(\d{2})?(\d0)\s?年代"), lambda m: (digits(m[1]) + digits(m[2]) if m[1] else cardinal(int(m[2]))) + "年代"),
    (re.compile(r"(?<![\d/.])(\d{1,2})/(\d{1,2})/(\d{4})(?![\d/])"), _slash_date),
    (
        re.compile(
            r"(?<![\d:.])(?P<hour>\d{1,2})[:：](?P<minute>\d{2})(?:[:：](?P<second>\d{2}))?"
            r"(?P<half>\s?[AaPp]\.?[Mm]\b\.?)?(?![\d:])"
        ),
        _time,
    ),
    (re.compile(rf"{_START}(\d{{1,4}})[:：](\d{{1,4}})(?!\d)"), lambda m: f"{_number(m[1])}比{_number(m[2])}"),
    (re.compile(rf"(?P<minus>[-−])?(?P<sign>US\$|[$€£¥￥₩₹])\s?(?P<amount>{_N})(?:{_TO}(?P=sign)?(?P<upto>{_N}))?{_big}"), _money),
    (re.compile(rf"(?P<minus>[-−])?{_START}(?P<amount>{_N})(?:{_TO}(?P<upto>{_N}))?{_big}\s?(?P<sign>{_signs}){_END}"), _money),
    (re.compile(rf"(?P<number>[-−+]?{_START}{_N})(?:%?{_TO}(?P<upto>{_N}))?\s?[%％]"), _percent),
    (
        re.compile(
            rf"(?P<number>[-−+]?{_START}{_N})(?:{_TO}(?P<upto>{_N}))?\s?"
            rf"(?P<unit>{_units})(?P<power>[²³]|[23](?!\d))?(?:/(?P<per>{_units}))?{_END}"
        ),
        _unit,
    ),
    (re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])"), lambda m: "点".join(digits(x) for x in m[0].split("."))),
    (re.compile(r"(?<![A-Za-z0-9_.])v\.?(?=\d)"), "版本"),
    (re.compile(rf"{_START}\d{{1,6}}(?:\.\d{{1,6}}){{2,5}}(?!\d)"), lambda m: "点".join(_number(x) for x in m[0].split("."))),
    (re.compile(r"(?<!\d)(?:\+86[ -]?)?1[3-9]\d{9}(?!\d)"), _phone),
    (re.compile(r"(?<![\d.])(?:\+\d{1,3}[ -])?(?:\(\d{2,4}\) ?|\d{2,4}-)\d{3,8}(?:[ -]\d{3,4}){0,2}(?!\d)"), _phone),
    (re.compile(r"(?<![A-Za-z0-9_./])(\d{1,3})[/⁄](\d{1,3})(?![\w/]|\.\d)"),
     lambda m: f"{cardinal(int(m[2]))}分之{cardinal(int(m[1]))}"),
    (re.compile(rf"{_START}({_N})[eE]([+-]?\d{{1,3}}){_END}"), lambda m: f"{_number(m[1])}乘以十的{_number(m[2])}次方"),
    (re.compile(r"(?<=\d) ?[x*] ?(?=\d)"), "乘"),
    (re.compile(r"(?<=[\w)]) ?\^ ?(\d{1,3})"), lambda m: f"的{cardinal(int(m[1]))}次方"),
    (re.compile(r"(?<=\d) [-−] (?=\d[\d.,]{0,15} ?=)"), "减"),
    (re.compile(r"(?<=\d) ?[-–—~～] ?(?=\d)"), "到"),
    (re.compile(r"(?<=[A-Za-z])-(?=\d)"), " "),
    (re.compile(rf"(?<![A-Za-z0-9_.)])[-−](?={_N})"), "负"),
    (re.compile(rf"(?<![\d.第])2(?=[{_MEASURES}])"), "两"),
    (re.compile(r"(?<![\d,.])(0\d{1,14}|\d{5,15}(?=号))(?![\d.])"), lambda m: digits(m[1])),
    (re.compile(_N), lambda m: _number(m[0])),
    (re.compile("|".join(map(re.escape, _SIGNS))), lambda m: _SIGNS[m[0]]),
)  # fmt: skip


def chinese_words(text: str) -> str:
    """The text with numbers and signs written as characters; Latin words stay."""
    for pattern, words in _RULES:
        text = pattern.sub(words, text)
    return text
