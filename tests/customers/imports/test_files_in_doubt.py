"""Files that change while they are read, or may not be read, are refused as a whole."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project

from customers.core.sql import is_postgres
from customers.imports import load as loader
from customers.imports.strategies.file_load import FileLoad
from customers.models import QuarantinedRow
from tests.factories import csv_row, write_feed
from tests.support.commands import Ran
from tests.support.faults import CHANGED, MANY, NAMES, feed_state, run_import, small_feeds, statuses
from tests.support.loading import load, states
from tests.support.own_databases import SECONDS
from tests.support.processes import environment

pytestmark = pytest.mark.slow

# --- The file changes while it is read ------------------------------------------------------------------------------


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"e-new,c1,2025-05-02,1,1,1,1,1\n")


@pytest.mark.parametrize(
    "change", [Path.unlink, grow, lambda path: os.truncate(path, 300_000)], ids=["removed", "growing", "truncated"]
)
def test_a_file_that_changes_while_it_is_read_is_refused(
    change: Callable[[Path], None], url: str, tmp_path: Path
) -> None:
    folder = small_feeds(tmp_path)
    assert (folder / "engagement.csv").stat().st_size > 600_000
    whole = (folder / "engagement.csv").read_bytes()
    calls = []

    def progress(path: Path) -> Callable[[int], object]:
        def advance(count: int) -> None:
            calls.append(path.name)
            if path.name == "engagement.csv" and calls.count(path.name) == 1:
                change(path)

        return advance

    outcomes = run_import(folder, progress=progress)
    assert (statuses(outcomes), outcomes[2].reason) == (["loaded", "loaded", "refused"], CHANGED)
    assert feed_state("engagement") == {"rows": [], "quarantine": [], "journal": []}
    (folder / "engagement.csv").write_bytes(whole)
    assert states(load(folder)["engagement"]) == (MANY, 0, 0, 0)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (Path.unlink, "engagement.csv cannot be opened: No such file or directory"),
        (lambda path: os.truncate(path, 200), CHANGED),
    ],
    ids=["removed", "truncated"],
)
def test_a_file_that_changes_before_its_bad_rows_are_read_again_is_refused(
    change: Callable[[Path], None], reason: str, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = small_feeds(tmp_path, engagement=100)
    write_feed(
        folder,
        "engagement",
        [csv_row("engagement", id=f"e{n}", customer_id="c9" if n == 90 else "c1") for n in range(100)],
    )
    whole = (folder / "engagement.csv").read_bytes()
    original = loader.read_again

    def change_first(file: FileLoad, *rest: Any) -> Iterator[QuarantinedRow]:
        if file.path.name == "engagement.csv":
            change(file.path)
        return original(file, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(loader, "read_again", change_first)
        outcomes = run_import(folder)
    assert (outcomes[2].status, outcomes[2].reason) == ("refused", reason)
    assert feed_state("engagement") == {"rows": [], "quarantine": [], "journal": []}
    (folder / "engagement.csv").write_bytes(whole)
    assert states(load(folder)["engagement"]) == (99, 0, 0, 1)


# --- What may not be read -------------------------------------------------------------------------------------------


def manage_as_anybody(url: str, *arguments: Any, **variables: str) -> Ran:
    """Run ``manage.py`` without root's right to read everything."""
    drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    if drop and not shutil.which("setpriv"):
        pytest.skip("root may read everything, and there is no setpriv to take that away")
    if drop and is_postgres():
        pytest.skip("the server that root's tests start lies in a folder that only root's rights open")
    done = subprocess.run(
        [*drop, sys.executable, "manage.py", *map(str, arguments)],
        cwd=project.BASE_DIR,
        env=environment(url, **variables),
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def test_a_folder_that_may_not_be_looked_into_is_refused_and_loaded_once_it_may(url: str, tmp_path: Path) -> None:
    folder = tmp_path / "drop"
    folder.mkdir()
    small_feeds(folder, engagement=10)
    folder.chmod(0)
    ran = manage_as_anybody(url, "import_csvs", "--dir", folder)
    folder.chmod(0o700)
    assert (ran.code, ran.err) == (1, "")
    assert ran.lines == [
        *(f"{name}.csv: refused: {name}.csv cannot be looked for: Permission denied" for name in NAMES),
        "0 of 5 feeds loaded: 0 created, 0 updated, 0 unchanged, 0 quarantined.",
    ]
    assert [states(outcome) for outcome in load(folder).values()] == [(2, 0, 0, 0), (0, 0, 0, 0), (10, 0, 0, 0)]


@pytest.mark.parametrize("command", ["import_csvs", "nightly"])
def test_a_folder_below_one_that_may_not_be_looked_into_is_wrong_usage(command: str, url: str, tmp_path: Path) -> None:
    (tmp_path / "above" / "drop").mkdir(parents=True)
    (tmp_path / "above").chmod(0)
    ran = manage_as_anybody(url, command, "--dir", tmp_path / "above" / "drop")
    (tmp_path / "above").chmod(0o700)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == f"CommandError: {tmp_path / 'above' / 'drop'} is not a folder; name one with --dir or CSV_DIR.\n"


def test_a_setting_that_names_a_folder_below_such_a_one_stops_the_start(url: str, tmp_path: Path) -> None:
    (tmp_path / "above").mkdir(mode=0)
    ran = manage_as_anybody(url, "import_csvs", CSV_DIR=str(tmp_path / "above" / "drop"))
    (tmp_path / "above").chmod(0o700)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.splitlines()[-1] == (f"The settings are wrong: CSV_DIR='{tmp_path}/above/drop': Permission denied.")


def test_a_file_that_may_not_be_read_is_refused_alone(url: str, tmp_path: Path) -> None:
    folder = small_feeds(tmp_path, engagement=10)
    (folder / "onboarding.csv").chmod(0)
    ran = manage_as_anybody(url, "import_csvs", "--dir", folder)
    assert ran.code == 1
    assert ran.lines[1] == "onboarding.csv: refused: onboarding.csv cannot be opened: Permission denied"
    assert ran.lines[3] == "2 of 3 feeds loaded: 12 created, 0 updated, 0 unchanged, 0 quarantined."
