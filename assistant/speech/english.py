"""English as it is said: numbers, dates, times, money, units, signs and abbreviations in words, the American way.

Each rule is one regular expression whose repeats are bounded, so the time is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

_ONES = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SCALES = ("", " thousand", " million", " billion", " trillion")
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
_MOST_DIGITS = 15
_MOST_DIGITS_READ_OUT = 40
MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"]
_MONTH = {month[:n].lower(): month for month in MONTHS for n in (3, len(month))} | {"sept": "September"}

_UNITS: Mapping[str, tuple[str, str]] = {
    "km": ("kilometer", "kilometers"), "m": ("meter", "meters"), "cm": ("centimeter", "centimeters"),
    "mm": ("millimeter", "millimeters"),
    "µm": ("micrometer", "micrometers"), "nm": ("nanometer", "nanometers"), "mi": ("mile", "miles"), "ft": ("foot", "feet"),
    "yd": ("yard", "yards"), "kg": ("kilogram", "kilograms"), "g": ("gram", "grams"), "mg": ("milligram", "milligrams"),
    "lb": ("pound", "pounds"), "lbs": ("pound", "pounds"), "oz": ("ounce", "ounces"), "t": ("ton", "tons"),
    "l": ("liter", "liters"), "L": ("liter", "liters"), "ml": ("milliliter", "milliliters"), "mL": ("milliliter", "milliliters"),
    "s": ("second", "seconds"), "sec": ("second", "seconds"), "ms": ("millisecond", "milliseconds"), "min": ("minute", "minutes"),
    "mins": ("minute", "minutes"), "h": ("hour", "hours"), "hr": ("hour", "hours"), "hrs": ("hour", "hours"),
    "Hz": ("hertz", "hertz"), "kHz": ("kilohertz", "kilohertz"), "MHz": ("megahertz", "megahertz"),
    "GHz": ("gigahertz", "gigahertz"),
    "W": ("watt", "watts"), "kW": ("kilowatt", "kilowatts"), "MW": ("megawatt", "megawatts"),
    "kWh": ("kilowatt hour", "kilowatt hours"),
    "V": ("volt", "volts"), "mA": ("milliampere", "milliamperes"), "mAh": ("milliampere hour", "milliampere hours"),
    "kB": ("kilobyte", "kilobytes"), "KB": ("kilobyte", "kilobytes"), "MB": ("megabyte", "megabytes"),
    "GB": ("gigabyte", "gigabytes"),
    "TB": ("terabyte", "terabytes"), "KiB": ("kibibyte", "kibibytes"), "MiB": ("mebibyte", "mebibytes"),
    "GiB": ("gibibyte", "gibibytes"),
    "Mbps": ("megabit per second", "megabits per second"), "Gbps": ("gigabit per second", "gigabits per second"),
    "mph": ("mile per hour", "miles per hour"), "fps": ("frame per second", "frames per second"), "px": ("pixel", "pixels"),
    "dB": ("decibel", "decibels"), "kcal": ("kilocalorie", "kilocalories"), "cal": ("calorie", "calories"),
    "kJ": ("kilojoule", "kilojoules"),
    "Pa": ("pascal", "pascals"), "hPa": ("hectopascal", "hectopascals"),
    "psi": ("pound per square inch", "pounds per square inch"),
    "°C": ("degree Celsius", "degrees Celsius"), "℃": ("degree Celsius", "degrees Celsius"),
    "°F": ("degree Fahrenheit", "degrees Fahrenheit"),
    "℉": ("degree Fahrenheit", "degrees Fahrenheit"), "°": ("degree", "degrees"), "%": ("percent", "percent"),
    "‰": ("per mille", "per mille"),
}  # fmt: skip
_POWERS = {"²": "square ", "2": "square ", "³": "cubic ", "3": "cubic ", "": "", None: ""}
_MONEY: Mapping[str, tuple[str, str, str]] = {
    "$": ("dollar", "dollars", "cent"), "US$": ("dollar", "dollars", "cent"), "€": ("euro", "euros", "cent"),
    "£": ("pound", "pounds", "penny"),
    "¥": ("yen", "yen", ""), "₹": ("rupee", "rupees", "paisa"), "₩": ("won", "won", ""), "元": ("yuan", "yuan", ""),
    "USD": ("US dollar", "US dollars", "cent"), "EUR": ("euro", "euros", "cent"),
    "GBP": ("British pound", "British pounds", "penny"),
    "CNY": ("yuan", "yuan", ""), "RMB": ("yuan", "yuan", ""), "JPY": ("yen", "yen", ""),
    "CHF": ("Swiss franc", "Swiss francs", ""),
}  # fmt: skip
_MAGNITUDES = {"k": "thousand", "m": "million", "bn": "billion", "b": "billion", "t": "trillion"}
_ABBREVIATIONS = {
    "Dr": "Doctor", "Mr": "Mister", "Mrs": "Missus", "Ms": "Miz", "Prof": "Professor", "Jr": "Junior", "Sr": "Senior",
    "Mt": "Mount",
    "e.g": "for example", "E.g": "For example", "i.e": "that is", "I.e": "That is", "vs": "versus", "approx": "approximately",
    "dept": "department", "Dept": "Department", "Inc": "Incorporated", "Ltd": "Limited", "Corp": "Corporation", "Co": "Company",
    "Ave": "Avenue", "Blvd": "Boulevard", "fig": "figure", "Fig": "Figure", "figs": "figures", "resp": "respectively",
    "cf": "compare",
}  # fmt: skip
_SIGNS = {
    "=": "equals", "≈": "is about", "≠": "is not equal to", "≤": "is at most", "≥": "is at least", "×": "times",
    "÷": "divided by",
    "±": "plus or minus", "∞": "infinity", "π": "pi", "√": "the square root of", "&": "and", "<": "is less than",
    ">": "is greater than",
    "+": "plus", "−": "minus", "∑": "the sum of", "∈": "in", "§": "section", "©": "copyright", "™": "", "®": "",
    "½": "one half", "⅓": "one third", "⅔": "two thirds", "¼": "one quarter", "¾": "three quarters", "²": " squared",
    "³": " cubed",
    "¢": " cents", "€": "euros", "£": "pounds", "µ": "micro", "°": " degrees", "%": " percent", "$": "dollars",
}  # fmt: skip

# A number as written, bounded: 1,234,567.89
_N = r"(?:\d{1,3}(?:,\d{3}){1,4}(?!\d)|\d{1,15})(?:\.\d{1,15})?"
_START = r"(?<![\w.,])"
_TO = r"\s?[-–—~]\s?"


def cardinal(number: int) -> str:
    """The words of an integer below 10^15 in size."""
    if number < 0:
        return "minus " + cardinal(-number)
    if number < 1000:
        return _below_thousand(number)
    groups = []
    for scale in _SCALES:
        number, group = divmod(number, 1000)
        if group:
            groups.append(_below_thousand(group) + scale)
    return " ".join(reversed(groups))


def _below_thousand(number: int) -> str:
    hundreds, rest = divmod(number, 100)
    tens, ones = divmod(rest, 10)
    low = _ONES[rest] if rest < 20 else _TENS[tens] + (f"-{_ONES[ones]}" if ones else "")
    if not hundreds:
        return low
    return f"{_ONES[hundreds]} hundred" + (f" {low}" if rest else "")


def ordinal(number: int) -> str:
    """First, second, twenty-third."""
    head, separator, last = re.fullmatch(r"(?:(.*)([ -]))?(\w+)", cardinal(number)).groups("")  # type: ignore[union-attr]
    word = _ORDINALS.get(last) or (last[:-1] + "ieth" if last.endswith("y") else last + "th")
    return f"{head}{separator}{word}"


def year(number: int) -> str:
    """Nineteen oh five, two thousand, twenty twenty-five."""
    century, rest = divmod(number, 100)
    if number % 1000 < 10:
        return cardinal(number)
    if rest == 0:
        return f"{cardinal(century)} hundred"
    return f"{cardinal(century)} {'oh ' if rest < 10 else ''}{cardinal(rest)}"


def digits(text: str) -> str:
    """Each digit by its name."""
    return " ".join(_ONES[int(x)] for x in text if x.isascii() and x.isdigit())


def _number(text: str) -> str:
    """Of `_N`, with an optional sign."""
    sign = {"-": "minus ", "−": "minus ", "+": "plus "}.get(text[:1], "")
    whole, _, decimals = text.lstrip("+-−").replace(",", "").partition(".")
    words = digits(whole) if len(whole) > 1 and whole[0] == "0" else cardinal(int(whole))
    return sign + words + (f" point {digits(decimals)}" if decimals else "")


def _huge(match: re.Match[str]) -> str:
    count = sum(x.isdigit() for x in match[0])
    return digits(match[0]) if count <= _MOST_DIGITS_READ_OUT else f"a number of {_number(str(count))} digits"


def _date(month: str, day: str, of_year: str | None) -> str:
    name = MONTHS[int(month) - 1] if month.isdigit() else _MONTH[month.lower()]
    return f"{name} {ordinal(int(day))}" + (f", {year(int(of_year))}" if of_year else "")


def _iso_date(match: re.Match[str]) -> str:
    written, month, day = match.groups()
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
        return ", ".join(_number(part) for part in (written, month, day))
    return _date(month, day, written) + (" at " if match.end() < len(match.string) and match.string[match.end()] == "T" else "")


def _slash_date(match: re.Match[str]) -> str:
    first, second, written = match.groups()
    month, day = (second, first) if int(first) > 12 else (first, second)
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
        return " slash ".join(_number(part) for part in match.groups())
    return _date(month, day, written if len(written) == 4 else f"20{written}")


def _time(match: re.Match[str]) -> str:
    hour, minute, second, half = int(match["hour"]), int(match["minute"] or 0), match["second"], match["half"]
    if hour > 24 or minute > 59:
        return " ".join(_number(x) for x in match[0].split(":") if x.isdigit()) or match[0]
    named = half.replace(".", "").strip().upper() if half else ""
    if not named and (hour > 12 or hour == 0):
        named = "PM" if 12 < hour < 24 else "AM"
    words = cardinal(hour % 12 or 12)
    if minute:
        words += f" {'oh ' if minute < 10 else ''}{cardinal(minute)}"
    elif not named:
        words += " o'clock"
    return (
        words + (f" {named}" if named else "") + (f" and {_counted(second, 'second', 'seconds')}" if second and int(second) else "")
    )


def _counted(number: str, one: str, many: str) -> str:
    return f"{_number(number)} {one if number.lstrip('+-−') == '1' else many}"


def _money(match: re.Match[str]) -> str:
    one, many, hundredth = _MONEY[match["sign"]]
    amount, magnitude, minus = match["amount"], match["magnitude"], "minus " if match["minus"] else ""
    if match["upto"]:
        return f"{minus}{_number(amount)} to {_number(match['upto'])}{_magnitude(magnitude)} {many}"
    if magnitude:
        return f"{minus}{_number(amount)}{_magnitude(magnitude)} {many}"
    whole, _, part = amount.partition(".")
    if len(part) != 2 or not hundredth:
        return minus + _counted(amount.removesuffix("." + part) if part and not int(part) else amount, one, many)
    small = (
        cardinal(int(part))
        + " "
        + (hundredth if int(part) == 1 else {"penny": "pence", "paisa": "paise"}.get(hundredth, hundredth + "s"))
    )
    if not int(part):
        return minus + _counted(whole, one, many)
    return minus + (small if whole == "0" else f"{_counted(whole, one, many)} and {small}")


def _magnitude(text: str | None) -> str:
    return f" {_MAGNITUDES.get(text.lower(), text)}" if text else ""


def _unit(match: re.Match[str]) -> str:
    one, many = _UNITS[match["unit"]]
    power = _POWERS[match["power"]]
    words = _number(match["number"]) + (f" to {_number(match['upto'])}" if match["upto"] else "")
    name = power + (one if match["number"].lstrip("+-−") == "1" and not match["upto"] else many)
    return f"{words} {name}" + (f" per {_UNITS[match['per']][0]}" if match["per"] else "")


def _fraction(match: re.Match[str]) -> str:
    whole, top, bottom = match["whole"], int(match["top"]), int(match["bottom"])
    if (top, bottom) == (24, 7):
        return "twenty-four seven"
    if not 2 <= bottom <= 20 or top >= bottom:
        words = f"{cardinal(top)} over {cardinal(bottom)}"
    else:
        name = {2: "half", 4: "quarter"}.get(bottom) or ordinal(bottom)
        words = f"{cardinal(top)} {name if top == 1 else 'halves' if bottom == 2 else name + 's'}"
    return f"{cardinal(int(whole))} and {words}" if whole else words


def _phone(match: re.Match[str]) -> str:
    groups = re.findall(r"\d+", match[0])
    if sum(map(len, groups)) < 7:
        return match[0]
    return ("plus " if match[0].startswith("+") else "") + ", ".join(digits(group) for group in groups)


def _decade(tens: str) -> str:
    return {"0": "hundreds", "1": "tens"}.get(tens) or _TENS[int(tens)][:-1] + "ies"


def _bare(match: re.Match[str]) -> str:
    text = match[0]
    return year(int(text)) if re.fullmatch(r"(?:1[1-9]|20)\d\d", text) else _number(text)


_months = "|".join(sorted({*MONTHS, *(m[:3] for m in MONTHS), "Sept"}, key=len, reverse=True))
_units = "|".join(re.escape(unit) for unit in sorted(_UNITS, key=len, reverse=True))
_signs = "|".join(re.escape(sign) for sign in sorted(_MONEY, key=len, reverse=True))
_big = r"(?:\s?(?P<magnitude>thousand|million|billion|trillion|bn|[kKmMbBtT])(?![A-Za-z]))?"
_short = "|".join(re.escape(name) for name in sorted(_ABBREVIATIONS, key=len, reverse=True))

_Rule = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]
_RULES: tuple[_Rule, ...] = (
    (re.compile(rf"\d{{{_MOST_DIGITS + 1},}}(?:[.,]\d+)*|\d{{1,3}}(?:,\d{{3}}){{5,}}"), _huge),
    (re.compile(rf"\b({_short})\.(?=[\s,)]|$)"), lambda m: _ABBREVIATIONS[m[1]]),
    (re.compile(r"\bvs\b"), "versus"),
    (re.compile(r"\betc\.(?=\s+[a-z(]|[,;:)])"), "et cetera"),
    (re.compile(r"\betc\b\.?"), "et cetera."),
    (re.compile(r"\bSt\. (?=[A-Z])"), "Saint "),
    (re.compile(r"\bNo\. ?(?=\d)|#(?=\d)"), "number "),
    (re.compile(r"\bpp?\. ?(?=\d)"), "page "),
    (re.compile(r"\bw/o\b"), "without"),
    (re.compile(r"\bw/ "), "with "),
    (re.compile(r"\b(\d{4})-(\d{2})-(\d{2})(?=\D|$)"), _iso_date),
    (re.compile(r"(?<= at )T(?=\d\d:)|(?<=\d\d:\d\d)Z\b"), ""),
    (re.compile(r"(?<![\d/.])(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})(?![\d/])"), _slash_date),
    (
        re.compile(rf"\b(?:the )?(\d{{1,2}})(?:st|nd|rd|th)? (?:of )?({_months})\b\.?(?:,? (\d{{4}})\b)?"),
        lambda m: _date(m[2], m[1], m[3]) if 1 <= int(m[1]) <= 31 else m[0],
    ),
    (
        re.compile(rf"\b({_months})\.? (\d{{1,2}})(?:st|nd|rd|th)?\b(?![\d:%.]\d)(?:,? (\d{{4}})\b)?"),
        lambda m: _date(m[1], m[2], m[3]) if 1 <= int(m[2]) <= 31 else m[0],
    ),
    (
        re.compile(
            r"(?<![\d:.])(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?(?P<half>\s?[AaPp]\.?[Mm]\b\.?)?(?![\d:])"
        ),
        _time,
    ),
    (re.compile(r"\b(?P<hour>1[0-2]|0?[1-9])(?P<minute>)(?P<second>)(?P<half>\s?(?:[ap]\.m\.|[AaPp][Mm]\b))"), _time),
    (re.compile(r"(?<![\d:.])(\d{1,3}):(\d{1,3})(?![\d:])"), lambda m: f"{_number(m[1])} to {_number(m[2])}"),
    (re.compile(rf"(?P<minus>[-−])?(?P<sign>{_signs})\s?(?P<amount>{_N})(?:{_TO}(?P=sign)?(?P<upto>{_N}))?{_big}"), _money),
    (
        re.compile(
            rf"(?P<minus>(?<!\S)[-−])?{_START}(?P<amount>{_N})(?:{_TO}(?P<upto>{_N}))?{_big}\s?(?P<sign>[€£¥₹₩元]|[A-Z]{{3}}\b)"
        ),
        lambda m: _money(m) if m["sign"] in _MONEY else m[0],
    ),
    (re.compile(r"\b(1[1-9]|20)(\d)0['’]?s\b"), lambda m: f"{cardinal(int(m[1]))} {_decade(m[2])}"),
    (re.compile(r"(?<!\w)['’]([2-9])0s\b"), lambda m: _decade(m[1])),
    (
        re.compile(
            rf"(?P<number>(?<![\w.)])[-−+]?{_START}{_N}|(?<=[(~≈]){_N})(?:{_TO}(?P<upto>{_N}))?[ -]?"
            rf"(?P<unit>{_units})(?P<power>[²³]|[23](?![\d.]))?(?:/(?P<per>{_units}))?(?![\w%])"
        ),
        _unit,
    ),
    (re.compile(r"\b(\d{1,2})['′] ?(\d{1,2})(?:[\"″”]|'')"), lambda m: f"{_counted(m[1], 'foot', 'feet')} {_number(m[2])}"),
    (re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]\d)"), lambda m: " dot ".join(digits(x) for x in m[0].split("."))),
    (re.compile(r"(?<![\w.])v\.?(?=\d)"), "version "),
    (
        re.compile(r"(?:(?<![\w.,])\d{1,6}(?:\.\d{1,6}){2,5}|(?<=version )\d{1,6}\.\d{1,6}|(?<=Python )\d\.\d{1,2})(?![\w,]\d)"),
        lambda m: " point ".join(_number(x) for x in m[0].split(".")),
    ),
    (re.compile(r"(?<![\w.])(?:\+\d{1,3}[ .-]?)?(?:\(\d{2,4}\) ?|\d{2,4}[.-])\d{3,4}(?:[ .-]\d{2,4}){1,3}(?![\w])"), _phone),
    (re.compile(r"(?<![\w.])\+\d{1,3}(?:[ -]\d{2,5}){1,5}(?!\w)|(?<!\w)\+\d{8,15}\b|(?<![\w.-])\d{3}-\d{4}(?![\w-])"), _phone),
    (re.compile(r"\b(\d{1,3}(?:,\d{3}){0,4}|\d{1,15})(?:st|nd|rd|th)\b"), lambda m: ordinal(int(m[1].replace(",", "")))),
    (re.compile(r"(?<![\w./])(?:(?P<whole>\d{1,3}) )?(?P<top>\d{1,2})[/⁄](?P<bottom>\d{1,3})(?![\w/]|\.\d)"), _fraction),
    (re.compile(r"(?<![\w.])(\d{1,3})([½⅓⅔¼¾])"), lambda m: f"{_number(m[1])} and {_SIGNS[m[2]]}"),
    (re.compile(rf"(?<![\w.])({_N})[eE]([+-]?\d{{1,3}})\b"), lambda m: f"{_number(m[1])} times ten to the {_number(m[2])}"),
    (re.compile(rf"(?<![\w.])({_N}) ?[x×] ?(?=\d)"), lambda m: f"{m[1]} by "),
    (re.compile(r"(?<=\d) ?\* ?(?=[\d(a-z])"), " times "),
    (re.compile(r"(?<=[\w)]) ?\^ ?2\b"), " squared"),
    (re.compile(r"(?<=[\w)]) ?\^ ?3\b"), " cubed"),
    (re.compile(r"(?<=[\w)]) ?\^ ?(?=[\w(])"), " to the power of "),
    (re.compile(r"(?<=\d) [-−] (?=\d[\d.,]{0,15} ?=)"), " minus "),
    (re.compile(r"(?<=\d) ?[–—] ?(?=\d)|(?<![-\w.])(?<=\d)-(?=\d)"), " to "),
    (re.compile(r"(?<![\w.-])(\d{1,15}) ?- ?(\d{1,15})(?![\w-])"), r"\1 to \2"),
    (re.compile(r"(?<!\S)~ ?(?=[\d$€£])"), "about "),
    (re.compile(r"(?<=\d) ?/ ?(?=\d)"), " divided by "),
    (re.compile(r"(?<=[A-Za-z])-(?=\d)"), " "),
    (re.compile(rf"(?<![\w.)])[-−](?={_N})"), "minus "),
    (re.compile(r"(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])"), " "),
    (re.compile(_N), _bare),
    (re.compile(r"\b(he|she|him|his|her|yes|true|on)/(?=(?:or|she|he|her|his|him|hers|no|false|off)\b)"), r"\1 or "),
    (re.compile(r"\band/or\b"), "and or"),
    (re.compile(r"(?<=\w)/(?=\w)"), " slash "),
    (re.compile("|".join(map(re.escape, _SIGNS))), lambda m: f" {_SIGNS[m[0]]} "),
)


def english_words(text: str) -> str:
    """The text with everything that is not a word written as words."""
    for pattern, words in _RULES:
        text = pattern.sub(words, text)
    return text
