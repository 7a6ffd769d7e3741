"""How far a running import is: what is noted of it, and what pages make of that."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from customers.feeds.declarations import Feed
from customers.imports import load as loader
from customers.imports.folder import import_folder
from customers.imports.interface import Options, Outcome
from customers.jobs.progress import ReadSoFar, noted, read_so_far
from customers.models import ImportRun
from tests.factories import make_run
from tests.support.pages import main_part

pytestmark = pytest.mark.django_db


@pytest.fixture
def moment(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets time pass."""
    now = [1_000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def later(seconds: float) -> None:
        now[0] += seconds

    return later


def test_it_is_noted_at_once_then_once_a_second_and_at_the_end(
    tmp_path: Path, moment: Callable[[float], None]
) -> None:
    file, run = tmp_path / "customers.csv", make_run(status=ImportRun.Status.RUNNING)
    file.write_bytes(b"x" * 200)
    found = []
    with noted(run.pk, file) as read:
        for seconds in (0, 0.5, 0.4, 0.2):
            moment(seconds)
            read(30)
            found.append(read_so_far())
        read(80)
        found.append(read_so_far())
    assert [one and one.read for one in found] == [30, 30, 30, 120, 200]
    assert [one and one.percent for one in found] == [15, 15, 15, 60, 100]
    assert read_so_far() is None


def test_it_is_gone_whatever_ends_the_run_and_another_bar_hears_of_it_too(tmp_path: Path) -> None:
    file, heard = tmp_path / "customers.csv", list[int]()
    file.write_bytes(b"x" * 10)
    with pytest.raises(KeyError), noted(make_run().pk, file, heard.append) as read:
        read(10)
        assert read_so_far() is not None
        raise KeyError
    assert (read_so_far(), heard) == (None, [10])


@pytest.mark.parametrize("text", ["", "{", "[]", '{"run": 1}', '{"run": 1, "read": 2, "size": 3, "more": 4}'])
def test_a_note_that_cannot_be_read_says_nothing(text: str) -> None:
    place = Path(settings.ARCHIVE_DIR) / "progress.json"
    place.write_text(text)
    try:
        assert read_so_far() is None
    finally:
        place.unlink()


def test_what_cannot_be_noted_stops_no_import(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(*_arguments: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("customers.core.storage.folder.create_file", full)
    [outcome] = load(tmp_path)
    assert outcome.loaded


def load(folder: Path) -> list[Outcome]:
    (folder / "customers.csv").write_bytes((settings.BASE_DIR / "fixtures" / "customers.csv").read_bytes())
    return import_folder(folder, ["customers"], Options(started_by="test"))


def test_an_import_notes_how_much_of_its_file_it_has_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[ReadSoFar | None] = []
    merge = loader.merge

    def look(feed: Feed, run: ImportRun, *, all_new: bool) -> tuple[int, int]:
        seen.append(read_so_far())
        return merge(feed, run, all_new=all_new)

    monkeypatch.setattr(loader, "merge", look)
    [outcome] = load(tmp_path)
    size = (tmp_path / "customers.csv").stat().st_size
    assert outcome.loaded
    assert seen == [ReadSoFar(outcome.run, size, size)]
    assert read_so_far() is None


def test_pages_show_the_run_that_goes_on_and_no_other(admin_client: Client, tmp_path: Path) -> None:
    file, run = tmp_path / "customers.csv", make_run(status=ImportRun.Status.RUNNING)
    file.write_bytes(b"x" * 8)
    other = make_run(status=ImportRun.Status.RUNNING)
    with noted(run.pk, file) as read:
        read(2)
        assert 'value="25"' in admin_client.get("/admin/customers/importrun/").content.decode()
        assert "25% of the file is read" in main_part(admin_client.get(f"/admin/customers/importrun/{run.pk}/change/"))
        told = main_part(admin_client.get(f"/admin/customers/importrun/{other.pk}/change/"))
        assert "It is being loaded." in told
        assert "<progress" not in told
        # It was killed, and the next one has not begun.
        ImportRun.objects.update(status=ImportRun.Status.INTERRUPTED)
        assert "<progress" not in admin_client.get("/admin/customers/importrun/").content.decode()
