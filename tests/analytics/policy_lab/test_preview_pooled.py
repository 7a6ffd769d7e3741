"""Behind a pooler of transactions, where the next one has another session: nothing of a preview is in its way."""

import json
import sys
from subprocess import run

import pytest
from django.conf import settings

from analytics.models import Snapshot
from analytics.policy_lab.changes import changes
from customers.core.sql import fetch
from tests.support.policies import make_draft
from tests.support.policy_lab import BY_FIRST, MORE_ACTIVITY, D, plant
from tests.support.pooled import pooled, surroundings
from tests.support.processes import environment

__all__ = ["pooled"]

PREVIEWS = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date
import django
django.setup()
from analytics.models import ScoringPolicy
from analytics.policy_lab.changes import changes

def preview(key):
    return changes(ScoringPolicy.objects.get(pk=key), date(2025, 5, 10)).digest

with ThreadPoolExecutor(4) as threads:
    print(json.dumps(list(threads.map(preview, [int(key) for key in sys.argv[1:]] * 6))))
"""


@pytest.mark.django_db(transaction=True)
def test_previews_at_once_are_each_their_own(pooled: str) -> None:
    plant()
    drafts = [make_draft(**MORE_ACTIVITY), make_draft("Other", activity_max=40, pr_max=15)]
    digests = [changes(draft, D).digest for draft in drafts]
    asked = run(
        [sys.executable, "-c", PREVIEWS, *(str(draft.pk) for draft in drafts)],
        cwd=settings.BASE_DIR,
        env=environment(pooled, **surroundings()),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert asked.returncode == 0, asked.stderr
    assert json.loads(asked.stdout) == digests * 6
    assert dict(Snapshot.objects.values_list("customer", "score")) == BY_FIRST
    assert fetch("SELECT relname FROM pg_class WHERE relpersistence = 't' AND relname LIKE '%snapshot%'") == []
