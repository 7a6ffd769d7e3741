"""A night by way of a pooler, beside the same night without one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings

from analytics.models import Alert, Night
from tests.analytics.nights.test_nightly import exported, stored
from tests.support.pooled import skip_without_pooler, surroundings
from tests.support.pooler import pooler
from tests.support.processes import manage


def after_a_night(url: str, exports: Path, **variables: str) -> dict[str, Any]:
    """What a night of the demo program said, stored, raised and exported."""
    done = manage(url, "nightly", "--dir", settings.BASE_DIR / "fixtures", EXPORT_DIR=str(exports), **variables)
    assert done.returncode == 0, done.stderr
    return {
        "said": done.stdout.replace(str(exports), "exports"),
        "stored": stored(),
        "alerts": list(Alert.objects.order_by("pk").values_list("rule", "customer", "text", "value")),
        "night": [(step["name"], step["result"]) for step in Night.objects.get().steps],
        "exported": exported(exports),
    }


def test_it_leaves_the_same(own: Callable[[str], str], django_db_setup: str, tmp_path: Path) -> None:
    skip_without_pooler()
    here = {"DEBUG": "", "SECRET_KEY": surroundings()["SECRET_KEY"]}
    directly = after_a_night(own(django_db_setup), tmp_path / "directly", **here)
    with pooler(own(django_db_setup)) as found:
        pooled = after_a_night(found.url, tmp_path / "pooled", **surroundings())
    assert directly["alerts"] and directly["exported"]
    assert pooled == directly
