"""``export_metrics`` that fails: how it ends, that the last archive stays, and what a large one costs."""

import errno
import io
import tracemalloc
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import date, timedelta
from pathlib import Path
from typing import IO, Any

import pytest

from analytics.models import PortfolioDay
from analytics.portfolio import metrics_export as archives
from analytics.portfolio.metrics_export import combined_rows, export_to
from customers.core.storage.folder import ExportFolder
from customers.feeds import exports
from customers.models import Engagement
from tests.factories import make_customer
from tests.support.commands import held_elsewhere
from tests.support.exporting import NAME, export, members
from tests.support.scoring import D, make_acme

pytestmark = pytest.mark.django_db


# --- What can go wrong --------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("program")
def test_a_date_that_is_not_scored_ends_with_2(tmp_path: Path) -> None:
    done = export(tmp_path, "--as-of", "2025-05-09")
    assert (done.code, done.out) == (2, "")
    assert done.err == "9 May 2025 is not scored; run `manage.py score --as-of 2025-05-09` first.\n"
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_is_scored_it_ends_with_1(tmp_path: Path) -> None:
    make_acme()
    done = export(tmp_path)
    assert (done.code, done.out) == (1, "")
    assert done.err == "No date is scored yet; run import_csvs and score first.\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("program")
def test_a_folder_that_cannot_be_written_ends_with_1(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    done = export(tmp_path / "file" / "out")
    assert (done.code, done.out) == (1, "")
    assert done.err == f"{tmp_path / 'file' / 'out'}: Not a directory\n"


@pytest.mark.usefixtures("program")
def test_while_an_import_runs_nothing_is_exported_and_it_ends_with_75(tmp_path: Path) -> None:
    with held_elsewhere("import"):
        done = export(tmp_path)
    assert (done.code, done.out, done.err) == (75, "", "An import or a scoring is running; nothing was exported.\n")
    assert list(tmp_path.iterdir()) == []
    with held_elsewhere("import", shared=True):
        assert export(tmp_path).code == 0, "another export is no obstacle"


@pytest.mark.parametrize("problem", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_on_the_way_leaves_the_last_archive_and_nothing_half_written(
    problem: BaseException, program: PortfolioDay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(tmp_path)
    before = (tmp_path / NAME).read_bytes()

    def rows(day: date) -> Iterator[list[str]]:
        yield next(combined_rows(day))
        raise problem

    monkeypatch.setattr(archives, "combined_rows", rows)
    if isinstance(problem, OSError):
        done = export(tmp_path)
        assert (done.code, done.out, done.err) == (1, "", f"{tmp_path}: No space left on device\n")
    else:
        with pytest.raises(KeyboardInterrupt):
            export_to(ExportFolder(tmp_path), program)
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
    assert (tmp_path / NAME).read_bytes() == before


@pytest.mark.usefixtures("program")
def test_a_new_archive_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"yesterday's")
    assert export(tmp_path).code == 0
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
    assert len(members(tmp_path / NAME)) == 7


# --- Size ---------------------------------------------------------------------------------------------------------


class Sink(io.RawIOBase):
    """A file that keeps nothing."""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return len(data)


def peak_of_an_export() -> int:
    """The most bytes that Python held while all feeds were written."""
    sink: IO[bytes] = Sink()
    tracemalloc.start()
    try:
        exports.write_feeds(lambda _name: nullcontext(sink))
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "FETCH_SIZE", 500)
    customer = make_customer()

    def add(first: int, last: int) -> None:
        Engagement.objects.bulk_create(
            (
                Engagement(
                    id=f"e{number:06}", customer=customer, date=D - timedelta(number % 60), run_id=1, line=number
                )
                for number in range(first, last)
            ),
            batch_size=2_000,
        )

    add(0, 2_000)
    peak_of_an_export()  # What is loaded once counts for neither.
    small = peak_of_an_export()
    add(2_000, 20_000)
    large = peak_of_an_export()
    assert large < 1.3 * small + 50_000
