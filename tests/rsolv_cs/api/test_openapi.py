"""The API's description is committed, and made of the code without a warning."""

from pathlib import Path

from django.conf import settings
from django.core.management import call_command

DOCUMENT: Path = settings.BASE_DIR / "docs" / "openapi.yaml"


def test_the_committed_description_is_that_of_the_code(tmp_path: Path) -> None:
    made = tmp_path / "openapi.yaml"
    call_command("spectacular", file=str(made), validate=True, fail_on_warn=True)
    assert made.read_text() == DOCUMENT.read_text(), "make openapi"
