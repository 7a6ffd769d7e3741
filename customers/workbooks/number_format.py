"""Numbers as Excel shows them: by the number format of their cell, in English.

What a feed can read stays readable: a date that is shown whole is an ISO date, and a plain number has neither
separators nor zeros behind its last decimal. What cannot be shown is refused.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from customers.text.say import english
from customers.workbooks.not_shown import (
    BEFORE_FIRST_DAY,
    CONDITIONS,
    FRACTION,
    LONG_FORMAT,
    NO_DATE,
    NO_LEAP_DAY,
    NO_NUMBER,
    PART_OF_DATE,
    THOUSANDS,
    TIME_OF_DATE,
    TOO_MANY_DIGITS,
    UNKNOWN_FORMAT,
    NotShown,
)

GENERAL = english("General")
"""What a workbook calls the format of a cell that has none."""
BUILT_IN = {
    0: GENERAL,
    1: "0",
    2: "0.00",
    3: "#,##0",
    4: "#,##0.00",
    9: "0%",
    10: "0.00%",
    11: "0.00E+00",
    12: "# ?/?",
    13: "# ??/??",
    14: "m/d/yyyy",
    15: "d-mmm-yy",
    16: "d-mmm",
    17: "mmm-yy",
    18: "h:mm AM/PM",
    19: "h:mm:ss AM/PM",
    20: "h:mm",
    21: "h:mm:ss",
    22: english("m/d/yyyy h:mm"),
    37: "#,##0_);(#,##0)",
    38: "#,##0_);[Red](#,##0)",
    39: "#,##0.00_);(#,##0.00)",
    40: "#,##0.00_);[Red](#,##0.00)",
    41: '_(* #,##0_);_(* (#,##0);_(* "-"_);_(@_)',
    42: '_($* #,##0_);_($* (#,##0);_($* "-"_);_(@_)',
    43: '_(* #,##0.00_);_(* (#,##0.00);_(* "-"??_);_(@_)',
    48: "##0.0E+0",
    49: "@",
    44: '_($* #,##0.00_);_($* (#,##0.00);_($* "-"??_);_(@_)',
    45: "mm:ss",
    46: "[h]:mm:ss",
    47: "mm:ss.0",
}
"""The formats that a workbook names by a number alone; those between differ from language to language."""

_TOKEN = re.compile(
    r'"[^"]*"|\\.|_.|\*.|\[[^\]]*\]|AM/PM|A/P|General|E[+-]|y+|m+|d+|h+|s+|[0#?.,%/@]|.', re.IGNORECASE | re.DOTALL
)
_COLOUR = re.compile(r"\[(?:black|blue|cyan|green|magenta|red|white|yellow|colou?r\s*\d+)\]", re.IGNORECASE)
_CURRENCY = re.compile(r"\[\$([^\]-]*)(?:-[^\]]*)?\]")
_PLAIN = re.compile(r"(-?)(0|[1-9][0-9,]*)(\.[0-9]*)?")
_SHORT = re.compile(r"0|[1-9][0-9]{0,14}")
_VALUE = re.compile(r"-?[0-9]{1,400}(?:\.[0-9]{0,400})?(?:[eE][+-]?[0-9]{1,4})?|-?\.[0-9]{1,400}")
_EXACT = Decimal(10) ** 15
_MAX_LENGTH = 255
_LAST_DAY = 2_958_466
_OF_1904 = 1_462
_DAY_MS = 86_400_000
_GENERAL_WIDTH = 11


@lru_cache(maxsize=50_000)
def shown_number(text: str, number_format: str, *, since_1904: bool) -> str:
    """Return a number of a sheet's XML as its cell shows it. Raises ``NotShown``."""
    if number_format == GENERAL and _SHORT.fullmatch(text):
        return text
    if not _VALUE.fullmatch(text):
        raise NotShown(NO_NUMBER)
    # As Excel, which has 15 digits of a number and no more: 0.1 + 0.2 is 0.3.
    value = Decimal(f"{float(text):.15g}")
    if not value.is_finite():
        raise NotShown(NO_NUMBER)
    if len(number_format) > _MAX_LENGTH:
        raise NotShown(LONG_FORMAT)
    sections = _sections(number_format)
    kind = _kind(sections[0])
    if kind == "date":
        return _moment(value, sections[0], since_1904=since_1904)
    section, value = _choose(sections, value)
    return _plain(_number(section, value).strip())


def shown_text(text: str, number_format: str) -> str:
    """Return a text as its cell shows it, which only a fourth section changes."""
    if ";" not in number_format or len(number_format) > _MAX_LENGTH:
        return text
    sections = _sections(number_format)
    if len(sections) < 4:
        return text
    return "".join(text if mark == "@" else _literal(mark) for mark in sections[3].tokens)


@dataclass(frozen=True)
class _Section:
    """A part of a format between semicolons, without its colours; ``condition`` is for which values it is."""

    tokens: tuple[str, ...]
    condition: str = ""


@lru_cache(maxsize=500)
def _sections(number_format: str) -> tuple[_Section, ...]:
    sections: list[list[str]] = [[]]
    for mark in _TOKEN.findall(number_format or GENERAL):
        if mark == ";":
            sections.append([])
        elif not _COLOUR.fullmatch(mark):
            sections[-1].append(mark)
    return tuple(
        _Section(tuple(tokens), next((mark for mark in tokens if re.match(r"\[[<>=]", mark)), ""))
        for tokens in sections
    )


@lru_cache(maxsize=500)
def _kind(section: _Section) -> str:
    is_number = any(mark in "0#?" for mark in section.tokens)
    for mark in section.tokens:
        lower = mark.lower()
        if lower[0] in "ymdhs" or lower in {"am/pm", "a/p"} or re.fullmatch(r"\[[hms]+\]", lower):
            # A zero behind the seconds is a part of them.
            return "date"
        if lower in {"b", "e", "g"} and not is_number:
            raise NotShown(UNKNOWN_FORMAT)
    return "number"


def _choose(sections: tuple[_Section, ...], value: Decimal) -> tuple[_Section, Decimal]:
    """Return the section for a number, and the number as it shows it: the second section writes its own minus."""
    if any(section.condition for section in sections):
        raise NotShown(CONDITIONS)
    numeric = sections[:3]
    if len(numeric) == 2 and numeric[1].tokens == ("@",):
        numeric = numeric[:1]
    if value < 0 and len(numeric) > 1:
        return numeric[1], -value
    if value == 0 and len(numeric) > 2:
        return numeric[2], value
    return numeric[0], value


def _number(section: _Section, value: Decimal) -> str:
    tokens = list(section.tokens)
    if "/" in tokens:
        raise NotShown(FRACTION)
    lower = [mark.lower() for mark in tokens]
    if "general" in lower:
        return "".join(
            _general(value) if one == "general" else _literal(mark) for one, mark in zip(lower, tokens, strict=True)
        )
    if "@" in tokens:
        return "".join(_general(value) if mark == "@" else _literal(mark) for mark in tokens)
    places = [place for place, mark in enumerate(tokens) if mark in ("0", "#", "?")]
    if not places:
        return ("-" if value < 0 and tokens else "") + "".join(map(_literal, tokens))
    value = value.scaleb(2 * tokens.count("%"))
    if any(one in {"e+", "e-"} for one in lower):
        return _scientific(tokens, value)
    return ("-" if value < 0 else "") + _decimal(tokens, places, abs(value))


def _decimal(tokens: list[str], places: list[int], value: Decimal) -> str:
    """Return a number without its sign, by the digits' ``places`` among the tokens."""
    first, last = places[0], places[-1]
    point = tokens.index(".") if "." in tokens else last + 1
    if tokens[last + 1 : last + 2] == [","] or tokens[point - 1 : point] == [","]:
        raise NotShown(THOUSANDS)
    if "." in tokens[point + 1 :]:
        raise NotShown(UNKNOWN_FORMAT)
    grouped = "," in tokens[: min(point, last)]
    before = [place for place in places if place < point]
    behind = [place for place in places if place > point]
    rounded = value.quantize(Decimal(1).scaleb(-len(behind)), ROUND_HALF_UP)
    if rounded >= _EXACT:
        raise NotShown(TOO_MANY_DIGITS)
    whole, _point, fraction = f"{rounded:f}".partition(".")
    written = _whole(tokens, before, whole.lstrip("0"), grouped=grouped)
    written |= _fraction(tokens, behind, fraction)
    parts = []
    for place, mark in enumerate(tokens):
        if place in written:
            parts.append(written[place])
        elif mark == ".":
            # Excel shows the point also where no digit comes before or behind it.
            parts.append(("" if before else whole.lstrip("0")) + ".")
        elif mark != "," or not first < place <= last:
            parts.append(_literal(mark))
    return "".join(parts)


def _whole(tokens: list[str], places: list[int], digits: str, *, grouped: bool) -> dict[int, str]:
    """Return what stands in the places before the point; the first one takes all digits that are left."""
    written: dict[int, str] = {}
    count = 0
    for place in reversed(places):
        some = digits if place == places[0] else digits[-1:]
        digits = "" if place == places[0] else digits[:-1]
        blank = {"0": "0", "?": " "}.get(tokens[place], "")
        text = ""
        for digit in reversed(some or blank):
            text = f"{digit}{',' if grouped and count and count % 3 == 0 and digit != ' ' else ''}{text}"
            count += 1
        written[place] = text
    return written


def _fraction(tokens: list[str], places: list[int], digits: str) -> dict[int, str]:
    written = {}
    kept = len(digits.rstrip("0"))
    for number, place in enumerate(places):
        blank = {"0": "0", "?": " "}.get(tokens[place], "")
        later = any(tokens[other] == "0" for other in places[number:])
        written[place] = digits[number] if number < kept or later else blank
    return written


def _scientific(tokens: list[str], value: Decimal) -> str:
    """Return digits, E, a sign and the power of ten, which is a multiple of the places before the point."""
    power_at = next(place for place, mark in enumerate(tokens) if mark.lower() in {"e+", "e-"})
    mantissa = tokens[:power_at]
    behind = tokens[power_at + 1 :]
    point = mantissa.index(".") if "." in mantissa else len(mantissa)
    decimals = sum(mark in ("0", "#", "?") for mark in mantissa[point:])
    step = sum(mark in ("0", "#", "?") for mark in mantissa[:point]) or 1
    power = value.adjusted() if value else 0
    power -= power % step
    scaled = value.scaleb(-power).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    if abs(scaled) >= Decimal(10) ** step:
        power += step
        scaled = value.scaleb(-power).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    if any(mark not in ("0", "#", "?", ".") for mark in mantissa) or any(mark != "0" for mark in behind):
        raise NotShown(UNKNOWN_FORMAT)
    sign = "-" if power < 0 else "+" if tokens[power_at].endswith("+") else ""
    return f"{scaled:f}E{sign}{abs(power):0{len(behind)}}"


def _general(value: Decimal) -> str:
    """Return a number without a format: whole numbers with all digits, others in eleven characters."""
    if value == value.to_integral_value():
        if abs(value) >= _EXACT:
            raise NotShown(TOO_MANY_DIGITS)
        return f"{value:.0f}" if value else "0"
    power = value.adjusted()
    if -5 <= power <= 9:
        decimals = max(_GENERAL_WIDTH - 2 - max(power, 0), 0)
        text = f"{value.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP):f}"
    elif power > 9:
        text = f"{value.quantize(Decimal(1), ROUND_HALF_UP):f}"
    else:
        digits, _e, rest = f"{value:.5E}".partition("E")
        return f"{digits.rstrip('0').rstrip('.')}E-{abs(int(rest)):02}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _plain(text: str) -> str:
    """Return a plain number as a feed writes it; anything else, zeros at the beginning included, as it is shown."""
    found = _PLAIN.fullmatch(text)
    if not found:
        return text
    sign, whole, fraction = found.groups()
    return f"{sign}{whole.replace(',', '')}{(fraction or '').rstrip('0').rstrip('.')}"


def _literal(mark: str) -> str:
    if mark[0] == '"':
        return mark[1:-1] if len(mark) > 1 else ""
    if mark[0] == "\\" and len(mark) > 1:
        return mark[1:]
    if mark[0] == "_" and len(mark) > 1:
        return " "
    if mark[0] == "*" and len(mark) > 1:
        return ""
    if mark[0] == "[":
        currency = _CURRENCY.fullmatch(mark)
        if currency:
            return currency[1]
        raise NotShown(UNKNOWN_FORMAT)
    return mark


def _moment(value: Decimal, section: _Section, *, since_1904: bool) -> str:
    """Return a date, a time, or both: as far as the cell shows them, in ISO form."""
    parts = _parts_shown(section)
    if value < 0:
        raise NotShown(BEFORE_FIRST_DAY)
    if not parts:
        raise NotShown(UNKNOWN_FORMAT)
    is_time = parts <= {"hour", "minute", "second"}
    if not is_time and not {"year", "month", "day"} <= parts:
        raise NotShown(PART_OF_DATE)
    if is_time and value >= 1:
        raise NotShown(TIME_OF_DATE)
    milliseconds = int((value * _DAY_MS).to_integral_value(ROUND_HALF_UP))
    days, rest = divmod(milliseconds, _DAY_MS)
    if is_time and not days:
        return _time(rest)
    days += _OF_1904 if since_1904 else 0
    if days == 60 and not since_1904:
        raise NotShown(NO_LEAP_DAY)
    if not 1 <= days < _LAST_DAY:
        raise NotShown(NO_DATE)
    # Excel takes 1900 for a leap year.
    day = datetime(1899, 12, 31 if days < 60 else 30) + timedelta(days=days)
    shows_time = "hour" in parts and rest
    return f"{day.date().isoformat()}T{_time(rest)}" if shows_time else day.date().isoformat()


def _time(milliseconds: int) -> str:
    moment = (datetime.min + timedelta(milliseconds=milliseconds)).time()
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds")


@lru_cache(maxsize=500)
def _parts_shown(section: _Section) -> frozenset[str]:
    """Return which parts of a date the section shows; an m is minutes behind an hour or before seconds."""
    letters = [mark.lower() for mark in section.tokens if mark[0].lower() in "ymdhs"]
    if any(mark[0] == "[" and not _CURRENCY.fullmatch(mark) for mark in section.tokens):
        # Hours beyond a day, say.
        return frozenset()
    shown = set()
    for before, mark, behind in zip(["", *letters], letters, [*letters[1:], ""], strict=False):
        if mark in {"m", "mm"} and (before.startswith("h") or behind.startswith("s")):
            shown.add("minute")
        elif not mark.startswith("ddd"):
            # Three and more are the day of the week.
            shown.add({"y": "year", "m": "month", "d": "day", "h": "hour", "s": "second"}[mark[0]])
    return frozenset(shown)
