"""Of a file that has most lines of the last one only the others are judged."""

import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from customers.archive import files
from customers.imports.folder import import_folder
from customers.imports.interface import Options
from customers.imports.strategies import diff
from customers.models import Engagement, Fix, ImportRun, QuarantinedRow
from tests.support.loading import states, write_bytes
from tests.support.nightly_files import BASE, CHANGED, NEW, night, replaced, text
from tests.support.storage import on_disk

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("customer")]


def origins() -> dict[str, tuple[int, int]]:
    """Which night (from 0) and which line each row is from."""
    nights = {pk: number for number, pk in enumerate(ImportRun.objects.order_by("pk").values_list("pk", flat=True))}
    return {key: (nights[run], line) for key, run, line in Engagement.objects.values_list("pk", "run_id", "line")}


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
        assert gzip.decompress(on_disk(files.place_of(sha256)).read_bytes()) == content.encode()


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
