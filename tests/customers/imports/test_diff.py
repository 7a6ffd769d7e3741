"""Of a file that has most lines of the last one only the others are judged, and any doubt leads to the full path."""

import gzip
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.db import transaction
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from customers.archive import files
from customers.feeds.declarations import ENGAGEMENT
from customers.imports import load as loader
from customers.imports.folder import import_folder
from customers.imports.interface import Options
from customers.imports.strategies import diff, order
from customers.imports.strategies.base import LoadStrategy
from customers.models import Engagement, Fix, ImportRun, QuarantinedRow, RowChange
from customers.runs.undo import undo
from tests.factories import make_customer
from tests.support.databases import examples
from tests.support.loading import load, states, write_bytes

pytestmark = pytest.mark.django_db

HEADER = ",".join(ENGAGEMENT.column_names)
BASE = [f"e{n},c1,2025-05-0{n},{n},0,0,0,0" for n in range(1, 9)]
CHANGED = "e3,c1,2025-05-03,7,0,0,0,0"
NEW = "e9,c1,2025-05-09,9,0,0,0,0"


@pytest.fixture(autouse=True)
def customer(settings: Settings, tmp_path: Path) -> None:
    """The one customer, and an archive of the test's own."""
    make_customer(id="c1")
    settings.ARCHIVE_DIR = tmp_path / "archive"


@pytest.fixture
def ways() -> Iterator[list[str]]:
    """How much of each file was judged for what is in the data now."""
    with watched() as names:
        yield names


@contextmanager
def watched() -> Iterator[list[str]]:
    """A list of the ways that files were loaded by, in their order."""
    names: list[str] = []
    original = loader.FeedRun._merge_by

    def merge_by(self: Any, strategy: LoadStrategy, file: Any) -> None:
        original(self, strategy, file)
        names.append(strategy.name)

    with patch.object(loader.FeedRun, "_merge_by", merge_by):
        yield names


def text(*lines: str, header: str = HEADER, end: str = "\n") -> str:
    return "".join(line + end for line in (header, *lines))


def night(folder: Path, content: str | bytes, **options: Any) -> Any:
    write_bytes(folder, "engagement.csv", content.encode() if isinstance(content, str) else content)
    return load(folder, "engagement", **options)["engagement"]


def replaced(**lines: str) -> list[str]:
    """The base with other lines in place of those of the keys."""
    return [lines.get(line.split(",")[0], line) for line in BASE]


def origins() -> dict[str, tuple[int, int]]:
    """Which night (from 0) and which line each row is from."""
    nights = {pk: number for number, pk in enumerate(ImportRun.objects.order_by("pk").values_list("pk", flat=True))}
    return {key: (nights[run], line) for key, run, line in Engagement.objects.values_list("pk", "run_id", "line")}


# --- What is read alone ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("second", "expected", "judged"),
    [
        pytest.param(text(*replaced(e3=CHANGED)), (0, 1, 7, 0), 1, id="changed in place"),
        pytest.param(text(*replaced(e3=CHANGED)).removesuffix("\n"), (0, 1, 7, 0), 1, id="not ended"),
        pytest.param(text(*replaced(e3=CHANGED), NEW), (1, 1, 7, 0), 2, id="changed, and a new one behind"),
        pytest.param(text(*BASE[:2], NEW, *BASE[2:]), (1, 0, 8, 0), 1, id="inserted"),
        pytest.param(text(*BASE[3:]), (0, 0, 5, 0), 0, id="gone from the beginning"),
        pytest.param(text(*BASE[3:], NEW), (1, 0, 5, 0), 1, id="a window that rolls on"),
        pytest.param(text(*BASE[:3], *BASE[4:]), (0, 0, 7, 0), 0, id="gone from the middle"),
        pytest.param(text(*reversed(BASE)), (0, 0, 8, 0), 0, id="in another order"),
        pytest.param(text("", *BASE[:4], " ", "", *BASE[4:]), (0, 0, 8, 0), 0, id="blank lines"),
        pytest.param(text(*replaced(e3=BASE[2] + " ")), (0, 0, 8, 0), 1, id="a blank at the end"),
        pytest.param(text(*replaced(e3=BASE[2] + "\r")), (0, 0, 8, 0), 1, id="a CRLF"),
        pytest.param(text(*replaced(e3=BASE[2].replace(",3,", ",03,"))), (0, 0, 8, 0), 1, id="written in another way"),
        pytest.param(text(*replaced(e3=BASE[2].replace("e3", "e9"))), (1, 0, 7, 0), 1, id="another key"),
        pytest.param(text(*replaced(e3="e3,c1,soon,3,0,0,0,0")), (0, 0, 7, 1), 1, id="a bad one"),
        pytest.param(text(*replaced(e3=BASE[2] + ",0")), (0, 0, 7, 1), 1, id="a ragged one"),
        pytest.param(text(*replaced(e3=BASE[2].replace("c1", "c9"))), (0, 0, 7, 1), 1, id="an unknown customer"),
        pytest.param(text(*replaced(e3=",c1,2025-05-03,3,0,0,0,0")), (0, 0, 7, 1), 1, id="no key"),
        pytest.param(text(*replaced(e3=CHANGED), NEW, NEW + " "), (1, 1, 8, 0), 3, id="a new one twice, the same"),
        pytest.param(text(*replaced(e3=CHANGED), BASE[2] + " "), (0, 0, 7, 2), 2, id="two rows that differ"),
        pytest.param(text(*BASE, "ragged, \u00e9").replace("e3,c1", "e3,c1 "), (0, 0, 8, 1), 2, id="not ASCII"),
    ],
)
def test_lines_that_were_there_are_passed_over(
    second: str, expected: tuple[int, int, int, int], judged: int, tmp_path: Path, ways: list[str]
) -> None:
    night(tmp_path, text(*BASE))
    found: list[diff.FileDiff] = []
    find_differences = diff.find_differences

    def find(*arguments: Any) -> diff.FileDiff:
        found.append(find_differences(*arguments))
        return found[-1]

    with patch.object(diff, "find_differences", find):
        outcome = night(tmp_path, second)
    assert (states(outcome), ways) == (expected, ["whole", "diff"])
    assert [len(differences.added) for differences in found] == [judged]


def test_a_changed_row_names_its_new_line_and_the_others_keep_theirs(tmp_path: Path, ways: list[str]) -> None:
    night(tmp_path, text(*BASE))
    outcome = night(tmp_path, text("", NEW, *replaced(e3=CHANGED, e5="e5,c1,,5,0,0,0,0")))
    assert ways == ["whole", "diff"]
    assert outcome.problems == [{"line": 8, "reasons": ["date: is required, but blank"]}]
    assert origins() == {
        "e1": (0, 2),
        "e2": (0, 3),
        "e3": (1, 6),
        "e4": (0, 5),
        "e5": (0, 6),
        "e6": (0, 7),
        "e7": (0, 8),
        "e8": (0, 9),
        "e9": (1, 3),
    }


def test_nights_follow_one_another_by_their_differences(tmp_path: Path, ways: list[str]) -> None:
    contents = [text(*BASE), text(*replaced(e3=CHANGED)), text(*replaced(e3=CHANGED), NEW), text(*BASE, NEW)]
    assert [states(night(tmp_path, content)) for content in contents] == [
        (8, 0, 0, 0),
        (0, 1, 7, 0),
        (1, 0, 8, 0),
        (0, 1, 8, 0),
    ]
    assert ways == ["whole", "diff", "append", "diff"]
    for content in contents:
        sha256 = hashlib.sha256(content.encode()).hexdigest()
        assert ImportRun.objects.filter(sha256=sha256, size=len(content)).count() == 1
        assert gzip.decompress(files.path_of(sha256).read_bytes()) == content.encode()


def test_files_of_many_blocks_are_compared_line_by_line(tmp_path: Path, ways: list[str]) -> None:
    lines = [f"e{n},c1,2025-05-01,{n % 10},0,0,0,0" for n in range(20_000)]
    night(tmp_path, text(*lines))
    lines[10_000] = "e10000,c1,2025-05-01,12345,0,0,0,0"
    lines[17_000] = "e17000,c1,soon,1,0,0,0,0"
    outcome = night(tmp_path, text(*lines[500:], NEW.replace("e9", "e20000")))
    assert (ways, states(outcome)) == (["whole", "diff"], (1, 1, 19_498, 1))
    assert [problem["line"] for problem in outcome.problems] == [16_502]
    assert [origins()[key] for key in ("e10000", "e17000", "e19999", "e20000")] == [
        (1, 9_502),
        (0, 17_002),
        (0, 20_001),
        (1, 19_502),
    ]


def test_the_rows_of_an_unknown_customer_are_not_read_from_the_file_again(tmp_path: Path, ways: list[str]) -> None:
    night(tmp_path, text(*BASE))
    second = text(*replaced(e3=BASE[2].replace("c1", "c9"), e6="e6,c9,soon,1,0,0,0,0"))
    outcome = night(tmp_path, second)
    assert ways == ["whole", "diff"]
    assert outcome.problems == [
        {"line": 4, "reasons": ["customer_id: there is no customer c9"]},
        {
            "line": 7,
            "reasons": [
                "date: 'soon' is not a date of the form YYYY-MM-DD",
                "customer_id: there is no customer c9",
            ],
        },
    ]
    rows = QuarantinedRow.objects.order_by("line").values_list("raw", "key", "waits_for_customer")
    assert list(rows) == [("e3,c9,2025-05-03,3,0,0,0,0", "e3", True), ("e6,c9,soon,1,0,0,0,0", "e6", False)]


def test_ids_that_differ_in_case_alone_are_told(tmp_path: Path, ways: list[str]) -> None:
    night(tmp_path, text(*BASE))
    alike = ["ids differ in case alone and are kept apart: E3 and e3"]
    assert night(tmp_path, text(*replaced(e3=BASE[2].replace("e3", "E3")))).warnings == alike
    assert night(tmp_path, text(*replaced(e3=BASE[2].replace("e3", "E3"), e4=BASE[3] + " "))).warnings == alike
    assert ways == ["whole", "diff", "diff"]


def test_a_fix_counts_in_lines_that_are_passed_over_too(tmp_path: Path, ways: list[str]) -> None:
    for number, bad in ((3, "e3,c1,soon,3,0,0,0,0"), (5, "e5,c1,soon,5,0,0,0,0")):
        Fix.objects.create(feed="engagement", raw=bad, sha256=f"{number}", cells=BASE[number - 1].split(","))
    lines = replaced(e3="e3,c1,soon,3,0,0,0,0", e5="e5,c1,soon,5,0,0,0,0\r")
    told = [night(tmp_path, text(*lines)).warnings, night(tmp_path, text(NEW, *lines)).warnings]
    assert told == [["2 rows read as fixed in quarantine, not as written"]] * 2
    assert night(tmp_path, text(NEW, *lines[:4], *lines[5:], "e5,c1,2025-05-05,6,0,0,0,0")).updated == 1
    assert ways == ["whole", "diff", "diff"]


def test_strict_and_the_guardrails_count_all_rows(tmp_path: Path, ways: list[str]) -> None:
    lines = [f"e{n},c1,2025-05-01,1,0,0,0,0" for n in range(30)]
    night(tmp_path, text(*lines))
    spoilt = [line.replace("2025-05-01", "soon") for line in lines[:4]]
    refused = night(tmp_path, text(*spoilt, *lines[4:]))
    assert refused.reason.startswith("4 of 30 rows would be quarantined, more than 10 %: line 2: date: 'soon'")
    refused = night(tmp_path, text(*spoilt[:1], *lines[1:]), strict=True)
    assert refused.reason.startswith("1 of 30 rows would be quarantined, and --strict allows none: line 2: date")
    assert states(night(tmp_path, text(*spoilt[:3], *lines[3:]))) == (0, 0, 27, 3)
    assert ways == ["whole", "diff"]


def test_a_file_that_grows_meanwhile_is_refused(tmp_path: Path, ways: list[str]) -> None:
    night(tmp_path, text(*BASE))

    def progress(path: Path) -> Callable[[int], object]:
        def advance(count: int) -> None:
            if not count:
                with path.open("a") as file:
                    file.write(NEW + "\n")

        return advance

    write_bytes(tmp_path, "engagement.csv", text(*replaced(e3=CHANGED)).encode())
    options = Options(started_by="test", progress=progress)
    outcome = import_folder(tmp_path, ["engagement"], options)[0]
    assert outcome.reason == "the file changed while it was read; import it again once it is complete"
    assert Engagement.objects.get(pk="e3").issues_tagged == 3


# --- Doubts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        pytest.param(text(*replaced(e3=CHANGED), header=HEADER.upper()), (0, 1, 7, 0), id="another header"),
        pytest.param("\ufeff" + text(*replaced(e3=CHANGED)), (0, 1, 7, 0), id="a byte order mark"),
        pytest.param(text(*replaced(e3='"e3",c1,2025-05-03,7,0,0,0,0')), (0, 1, 7, 0), id="a quote"),
        pytest.param(text(*replaced(e3='e3,c1,"2025-05-03\n",7,0,0,0,0')), (0, 1, 7, 0), id="a record of two lines"),
        pytest.param(text(*BASE[:3]) + "\r" + text(*BASE[3:], header=CHANGED), (0, 0, 7, 2), id="a CR alone"),
        pytest.param(text(*replaced(e3=CHANGED)).removesuffix("\n") + "\r", (0, 1, 7, 0), id="a CR at the end"),
        pytest.param(text(*BASE, BASE[4]), (0, 0, 9, 0), id="a line twice"),
        pytest.param(text(*replaced(e3=CHANGED), NEW, NEW), (1, 1, 8, 0), id="a new line twice"),
        pytest.param(text(*BASE[:2], CHANGED, *BASE[2:]), (0, 0, 7, 2), id="a key that is passed over"),
        pytest.param(text("e5,c1,soon,1,0,0,0,0", *BASE), (0, 0, 7, 2), id="a bad one with such a key"),
        pytest.param(text(*replaced(e3=BASE[4] + " ")), (0, 0, 8, 0), id="a row in place of another one"),
        pytest.param("", (0, 0, 0, 0), id="an empty file"),
        pytest.param(text(*replaced(e3="e3\0")), (0, 0, 0, 0), id="a NUL byte"),
        pytest.param(text(*replaced(e3="\u00e9")).encode("latin-1"), (0, 0, 0, 0), id="Latin-1"),
    ],
)
def test_a_doubt_leads_to_the_full_path(
    second: str | bytes, expected: tuple[int, int, int, int], tmp_path: Path, ways: list[str]
) -> None:
    night(tmp_path, text(*BASE))
    outcome = night(tmp_path, second)
    assert states(outcome) == expected
    assert ways == ["whole", "whole"] if outcome.loaded else ["whole"]
    with patch.object(order, "find_base_run", return_value=None):
        assert night(tmp_path, second).reason == outcome.reason


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(text(*BASE, BASE[2]), id="a row twice"),
        pytest.param(text(*BASE, BASE[2] + " "), id="a row twice, with a blank"),
        pytest.param(text(*replaced(e8='"e8",c1,2025-05-08,8,0,0,0,0')), id="a quote"),
        pytest.param(text(*BASE).replace("\ne8", "\re8"), id="a CR alone"),
        pytest.param("\n" + text(*BASE), id="a blank line before the header"),
    ],
)
def test_a_doubt_about_the_last_file_leads_to_the_full_path(first: str, tmp_path: Path, ways: list[str]) -> None:
    night(tmp_path, first)
    assert states(night(tmp_path, first.replace("e3,c1,2025-05-03,3", "e3,c1,2025-05-03,7", 1)))[1] in {0, 1}
    assert ways == ["whole", "whole"]


def test_a_row_that_was_there_twice_and_differs_now_is_bad(tmp_path: Path, ways: list[str]) -> None:
    first = text(*BASE, BASE[2])
    night(tmp_path, first)
    assert states(night(tmp_path, first + NEW + "\n")) == (1, 0, 9, 0)
    assert states(night(tmp_path, text(*replaced(e3=CHANGED), BASE[2], NEW))) == (0, 0, 8, 2)
    assert ways == ["whole", "append", "whole"]


def test_a_key_that_an_older_file_loaded_leads_to_the_full_path(tmp_path: Path, ways: list[str]) -> None:
    contents = (text(*BASE), text(*BASE[1:]), text(*BASE[1:], BASE[0]))
    assert [night(tmp_path, content).created for content in contents] == [8, 0, 0]
    assert ways == ["whole", "diff", "whole"]


def cut(place: Path) -> None:
    place.write_bytes(place.read_bytes()[:40])


def exchange(place: Path) -> None:
    place.write_bytes(gzip.compress(text(*BASE).replace("e3,c1,2025-05-03,3", "e3,c1,2025-05-03,7").encode()))


@pytest.mark.parametrize("spoil", [Path.unlink, cut, exchange])
def test_the_last_file_must_be_in_the_archive(spoil: Callable[[Path], None], tmp_path: Path, ways: list[str]) -> None:
    night(tmp_path, text(*BASE))
    spoil(files.path_of(ImportRun.objects.get().sha256))
    assert states(night(tmp_path, text(*replaced(e3=CHANGED)))) == (0, 1, 7, 0)
    assert ways == ["whole", "whole"]


@pytest.mark.parametrize(
    "doubt",
    [{"quarantined": 1}, {"forced_by": "Ann"}, {"rules": "older rules"}, {"file": "engagement.csv.gz"}],
    ids=lambda doubt: next(iter(doubt)),
)
def test_a_run_in_doubt_is_not_compared(doubt: dict[str, Any], tmp_path: Path, ways: list[str]) -> None:
    night(tmp_path, text(*BASE))
    ImportRun.objects.update(**doubt)
    assert states(night(tmp_path, text(*replaced(e3=CHANGED)))) == (0, 1, 7, 0)
    assert ways == ["whole", "whole"]


def test_an_undo_leads_to_the_full_path(tmp_path: Path, ways: list[str]) -> None:
    night(tmp_path, text(*BASE))
    night(tmp_path, text(*replaced(e3=CHANGED)))
    undo(ImportRun.objects.latest("pk"), "test")
    assert states(night(tmp_path, text(*replaced(e3=CHANGED)))) == (0, 1, 7, 0)
    assert ways == ["whole", "diff", "whole"]


@pytest.mark.parametrize(("name", "value"), [("ALWAYS_FEW", 1), ("MAX_BYTES", 40)])
def test_where_too_much_differs_all_is_judged(
    name: str, value: int, tmp_path: Path, ways: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diff, name, value)
    night(tmp_path, text(*BASE))
    assert states(night(tmp_path, text(*replaced(e3=CHANGED)))) == (0, 1, 7, 0)
    assert ways == ["whole", "whole"]


# --- The same result ------------------------------------------------------------------------------------------------

Line = tuple[str, str]
"""A line, and its end."""
Edit = tuple[str, int, int]


def edited(lines: list[Line], edit: Edit) -> list[Line]:
    """One more change of a file: what to do, at which place, and a number to vary it."""
    what, place, number = edit
    place %= len(lines) + 1
    before, here, after = lines[:place], lines[place : place + 1], lines[place + 1 :]
    row, end = here[0] if here else (f"e{20 + number},c1,2025-05-01,1,0,0,0,0", "\n")
    cells = row.split(",")
    match what:
        case "insert":
            return [*before, (f"e{9 + number},c1,2025-05-09,{number},0,0,0,0", "\n"), *here, *after]
        case "delete":
            return [*before, *after]
        case "copy":
            other = number % (len(lines) + 1)
            return [*lines[:other], (row, end), *lines[other:]]
        case "swap":
            return [*before, *after[:1], *here, *after[1:]]
        case "blank":
            return [*before, (" " * (number % 2), "\n"), *here, *after]
        case "change":
            row = ",".join([*cells[:-1], f"{number}"])
        case "rename":
            row = ",".join([f"{'eE'[number % 2]}{place + number // 2}", *cells[1:]])
        case "requote":
            row = ",".join([f'"{cells[0]}"', *cells[1:]])
        case "end":
            end = ("\r\n", "\r", "\n")[number % 3]
        case "spoil":
            row = (row + ",0", row.replace("2025", "20x5"), row.replace("c1", "c9"), "," + row, "x")[number % 5]
        case "trim":
            row = (row + " ", " " + row, row + "\u00a0", row.replace(",0", ",00"))[number % 4]
    return [*before, (row, end), *after]


ORDINARY = ("change", "insert", "delete", "swap", "spoil", "trim", "rename", "blank", "copy")
edits = st.tuples(st.sampled_from([*ORDINARY * 3, "end", "requote"]), st.integers(0, 9), st.integers(0, 9))
nights = st.lists(st.lists(edits, max_size=3), min_size=1, max_size=3)


@hypothesis_settings(max_examples=examples(50), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(nights, st.booleans())
@example([[("change", 2, 7)], [("change", 2, 6), ("insert", 3, 1)]], False)
@example([[("spoil", 2, 1), ("spoil", 5, 2)]], True)
@example([[("delete", 0, 0)], [("insert", 0, 1), ("swap", 2, 0)]], False)
@example([[("copy", 2, 5)], [("change", 2, 7)]], False)
def test_the_result_is_that_of_the_full_path(tmp_path: Path, nights: list[list[Edit]], ended: bool) -> None:
    with patch.object(order, "find_base_run", return_value=None):
        expected, _contents, ways = play(tmp_path, nights, ended)
    assert set(ways) <= {"whole"}
    found, contents, ways = play(tmp_path, nights, ended)
    assert found == expected
    told = [way for way, state in zip_ways(ways, found)]
    for number in range(1, len(contents)):
        if is_clear(contents[number - 1], contents[number], found[number - 1]):
            assert told[number] != "whole", "the full path was taken without need"


def zip_ways(ways: list[str], found: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each night's way and state; a night that was refused took none."""
    left = iter(ways)
    for state in found:
        yield (next(left) if state["outcome"]["status"] == "loaded" else "none"), state


def is_clear(old: str, new: str, before: dict[str, Any]) -> bool:
    """Whether the second file's lines are judged rightly without those of the first one, which was loaded as given."""
    if before["outcome"]["status"] != "loaded" or before["quarantine"] or any(sign in old + new for sign in '"\r'):
        return False
    sets = []
    for content in (old, new):
        lines = [line for line in content.split("\n")[1:] if line.strip()]
        keys = [line.split(",")[0].strip(" \u00a0") for line in lines]
        sets.append((lines, keys))
    (old_lines, old_keys), (new_lines, _keys) = sets
    if len(set(old_keys)) < len(old_keys) or len(set(new_lines)) < len(new_lines):
        return False
    gone = {line.split(",")[0].strip(" \u00a0") for line in old_lines if line not in new_lines}
    added = {line.split(",")[0].strip(" \u00a0") for line in new_lines if line not in old_lines}
    return not added & ({row["id"] for row in before["rows"]} - gone)


def play(folder: Path, nights: list[list[Edit]], ended: bool) -> tuple[list[dict[str, Any]], list[str], list[str]]:
    """All that can be seen after each night, the files, and the ways they took; rolled back afterwards."""
    seen: list[dict[str, Any]] = []
    contents: list[str] = []
    lines = [(line, "\n") for line in BASE]
    with transaction.atomic(), watched() as ways:
        for changes in ([], *nights):
            for edit in changes:
                lines = edited(lines, edit)
            content = HEADER + "\n" + "".join(line + end for line, end in lines)
            contents.append(content if ended else content.removesuffix("\n"))
            seen.append(everything(night(folder, contents[-1]).as_dict()))
        transaction.set_rollback(True)
    return seen, contents, ways


def everything(outcome: dict[str, Any]) -> dict[str, Any]:
    """The outcome and every row that it may have to do with; a run is told by its number from 0."""
    numbers = {pk: place for place, pk in enumerate(ImportRun.objects.order_by("pk").values_list("pk", flat=True))}
    runs = {None: None, **numbers}

    def rows(model: Any, *without: str) -> list[dict[str, Any]]:
        found = [
            {
                name: runs[value] if name in {"run_id", "resolved_by_id"} else value
                for name, value in row.items()
                if name not in without
            }
            for row in model.objects.order_by("pk").values()
        ]
        for row in found:
            for image in (row.get("before"), row.get("after")):
                if image:
                    image["run_id"] = runs[image["run_id"]]
        return sorted(found, key=lambda row: (row.get("run_id", 0), row.get("line") or 0, str(row.get("key"))))

    return {
        "outcome": {**outcome, "run": runs[outcome["run"]]},
        "rows": rows(Engagement),
        "quarantine": rows(QuarantinedRow, "id"),
        "journal": rows(RowChange, "id"),
        "runs": rows(ImportRun, "id", "started_at", "finished_at"),
    }
