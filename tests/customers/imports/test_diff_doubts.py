"""Any doubt about the differences to the last file leads to the full path."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from customers.archive import files
from customers.imports.strategies import diff, order
from customers.models import ImportRun
from customers.runs.undo import undo
from tests.support.loading import HEADER, states
from tests.support.nightly_files import BASE, CHANGED, NEW, night, replaced, text
from tests.support.storage import on_disk

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("customer"), pytest.mark.slow]


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
    spoil(on_disk(files.place_of(ImportRun.objects.get().sha256)))
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
