"""Commands speak to their operator in the first of ``LANGUAGES``, and store in English what they did."""

from argparse import ArgumentParser
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class
from django.utils.translation import override
from pytest_django.fixtures import Settings

from customers.jobs.commands import SpokenCommand
from customers.models import AuditEntry, ImportRun
from tests.factories import csv_row, write_feed
from tests.support.commands import run

OURS = sorted(name for name, app in get_commands().items() if app in {"customers", "analytics", "rsolv_cs"})


def texts(name: str, language: str) -> list[str]:
    """What the help of a command says of it and of its own arguments."""
    with override(language):
        command = load_command_class(get_commands()[name], name)
        parser: ArgumentParser = command.create_parser("manage.py", name)
        of_django = {*SpokenCommand().create_parser("manage.py", "")._option_string_actions}
        own = [action for action in parser._actions if not of_django.intersection(action.option_strings)]
        return [str(parser.description), *(str(action.help) for action in own if action.dest != "help")]


@pytest.mark.parametrize("name", OURS)
def test_the_help_of_every_command_is_translated(name: str) -> None:
    both = list(zip(texts(name, "en"), texts(name, "de"), strict=True))
    assert [english for english, german in both if english == german] == []


def test_a_command_line_has_the_first_language_that_is_offered(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.OFFERED_LANGUAGES = ["de", "en"]
    with pytest.raises(SystemExit):
        load_command_class("customers", "undo_import").run_from_argv(["manage.py", "undo_import", "--help"])
    assert "Einen Import rückgängig machen" in capsys.readouterr().out


@pytest.mark.django_db
def test_what_an_import_prints_is_german_and_what_it_stores_is_english(tmp_path: Path) -> None:
    write_feed(tmp_path, "customers", [csv_row("customers", id="c1"), csv_row("customers", id="c2", email="nowhere")])
    with override("de"):
        done = run("import_csvs", "--dir", tmp_path, "--feed", "customers")
    assert done.lines == [
        "customers.csv: 2 Zeilen geladen: 1 neu, 0 geändert, 0 unverändert, 1 in Quarantäne",
        "  Zeile 3: email: 'nowhere' is not an email address",
        "1 von 1 Feeds geladen: 1 neu, 0 geändert, 0 unverändert, 1 in Quarantäne.",
    ]
    assert ImportRun.objects.get().quarantined_rows.get().reasons == ["email: 'nowhere' is not an email address"]
    assert "Customers: Loaded\n" in AuditEntry.objects.filter(action="import").latest("pk").text
