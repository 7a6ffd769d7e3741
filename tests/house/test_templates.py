"""Every template compiles, so that a slip in one shows here and not on the page that somebody opens."""

from pathlib import Path

import pytest
from django.conf import settings
from django.template import engines

FOLDERS = ["templates", "analytics/templates", "customers/templates"]
TEMPLATES = sorted(
    path for folder in FOLDERS for path in (settings.BASE_DIR / folder).rglob("*") if path.suffix in {".html", ".txt"}
)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(settings.BASE_DIR)))
def test_template_compiles(path: Path) -> None:
    engines["django"].from_string(path.read_text(encoding="utf-8"))
