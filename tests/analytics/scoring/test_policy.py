"""The scoring policy: its numbers are those of metrics.md, and one that cannot score is refused."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.sqlite3.base import DatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import ProjectState
from django.db.models import ProtectedError
from django.forms import model_to_dict

from analytics.models import ScoringPolicy
from analytics.scoring.policies import Policies
from analytics.scoring.snapshots import score_day
from tests.support.scoring import FIRST_POLICY


@pytest.mark.django_db
def test_the_first_policy_has_the_numbers_of_the_specification() -> None:
    policy = ScoringPolicy.objects.get()
    assert model_to_dict(policy, exclude=["id"]) == {"name": "v1", "cohorts": [], "stages": [], **FIRST_POLICY}
    assert policy.numbers == FIRST_POLICY
    assert policy.effective_from == date(2000, 1, 1)  # no date in a feed is earlier
    assert policy.state == "published"
    assert policy.maxima == {"activity": 30, "pr_success": 25, "adoption": 20, "support": 15, "nps": 10}
    policy.full_clean()


@pytest.mark.django_db
def test_an_unsaved_policy_scores_like_the_saved_one() -> None:
    unsaved, saved = ScoringPolicy(), ScoringPolicy.objects.get()
    for name in FIRST_POLICY:
        assert Decimal(getattr(unsaved, name)) == getattr(saved, name)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"activity_max": 31}, "add up to 101, not to 100"),
        ({"pr_max": 24}, "add up to 99, not to 100"),
        ({"adoption_points_per_step": 6}, "add up to 104, not to 100"),
        ({"support_max": 0}, "add up to 85, not to 100"),
        ({"nps_max": 20}, "add up to 110, not to 100"),
        ({"champion_from": 70}, "Champion must begin above Healthy"),
        ({"healthy_from": 86}, "Champion must begin above Healthy"),
        ({"healthy_from": 50}, "Healthy above Needs attention"),
        ({"needs_attention_from": 71}, "Healthy above Needs attention"),
        ({"needs_attention_from": 0}, "Healthy above Needs attention"),
    ],
)
def test_a_policy_that_cannot_score_is_refused(changes: dict[str, int], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ScoringPolicy(**changes).clean()


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"activity_days": 0}, {"activity_days"}),
        ({"pr_days": 0}, {"pr_days"}),
        ({"support_days": 0}, {"support_days"}),
        ({"csat_days": 0}, {"csat_days"}),
        ({"nps_days": 0}, {"nps_days"}),
        ({"inactive_days": 0}, {"inactive_days"}),
        ({"trend_days": 0}, {"trend_days"}),
        ({"trend_days": 1}, {"trend_days"}),
        ({"nps_days": 0, "csat_days": 0, "trend_days": 1}, {"nps_days", "csat_days", "trend_days"}),
    ],
)
def test_an_empty_window_is_refused_by_its_field(changes: dict[str, int], fields: set[str]) -> None:
    with pytest.raises(ValidationError) as refusal:
        ScoringPolicy(**changes).clean()
    assert set(refusal.value.message_dict) == fields


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"activity_max": 20, "nps_max": 20},
        {"adoption_points_per_step": 0, "pr_max": 45},
        {"champion_from": 3, "healthy_from": 2, "needs_attention_from": 1},
        {"activity_days": 1, "trend_days": 2},
    ],
)
def test_a_policy_that_can_score_is_accepted(changes: dict[str, int]) -> None:
    ScoringPolicy(**changes).clean()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"support_points_per_request": Decimal("-2.5")}, "support_points_per_request"),
        ({"trend_slope": Decimal("-0.1")}, "trend_slope"),
        ({"trend_percent": 0}, "trend_percent"),
        ({"pr_max": -25}, "pr_max"),
        ({"name": "v1"}, "name"),
    ],
)
def test_the_form_of_a_policy_refuses_what_makes_no_sense(changes: dict[str, Any], field: str) -> None:
    values = {"name": "v2", "effective_from": date(2025, 5, 10), **changes}
    with pytest.raises(ValidationError) as refusal:
        ScoringPolicy(**values).full_clean()
    assert field in refusal.value.message_dict


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("day", "name"),
    [
        (date(2000, 1, 1), "v1"),
        (date(2025, 5, 9), "v1"),
        (date(2025, 5, 10), "v2 corrected"),
        (date(2025, 6, 1), "v3"),
        (date(2030, 1, 1), "v3"),
    ],
)
def test_the_newest_effective_policy_is_in_force(day: date, name: str) -> None:
    ScoringPolicy.objects.create(name="v3", effective_from=date(2025, 6, 1))
    ScoringPolicy.objects.create(name="v2", effective_from=date(2025, 5, 10))
    ScoringPolicy.objects.create(name="v2 corrected", effective_from=date(2025, 5, 10))
    assert Policies.on(day).everybody.name == name


@pytest.mark.django_db
def test_before_the_first_policy_none_is_in_force() -> None:
    with pytest.raises(ScoringPolicy.DoesNotExist, match="31 Dec 1999"):
        Policies.on(date(1999, 12, 31))


@pytest.mark.django_db
def test_a_policy_that_scored_a_date_cannot_be_deleted() -> None:
    score_day(date(2025, 5, 10))
    with pytest.raises(ProtectedError):
        ScoringPolicy.objects.get().delete()


# --- Its migration ----------------------------------------------------------------------------------------------


@pytest.fixture
def other_database(db: None, tmp_path: Path) -> Iterator[BaseDatabaseWrapper]:
    """An empty SQLite database: tables come and go there without harm to the tests' own."""
    alias = "migrations"
    description = {"ENGINE": "django.db.backends.sqlite3", "NAME": tmp_path / "db.sqlite3"}
    described = connections.configure_settings({"default": {}, alias: description})[alias]
    connection = DatabaseWrapper(described, alias)
    # Django's tests let nobody open a connection that is known by name and not declared beforehand.
    connection.connect()
    connections.databases[alias] = described
    connections[alias] = connection
    yield connection
    connection.close()
    del connections[alias], connections.databases[alias]


def test_the_migrations_lead_back_to_nothing_and_forward_again(other_database: BaseDatabaseWrapper) -> None:
    def migrate(*, forward: bool) -> None:
        executor = MigrationExecutor(other_database)
        executor.migrate(executor.loader.graph.leaf_nodes("analytics") if forward else [("analytics", None)])

    def policies() -> list[str]:
        return list(ScoringPolicy.objects.using(other_database.alias).values_list("name", flat=True))

    migrate(forward=True)
    assert policies() == ["v1"]
    migrate(forward=False)
    tables = other_database.introspection.table_names()
    assert "customers_customer" in tables
    assert [table for table in tables if table.startswith("analytics")] == []
    migrate(forward=True)
    assert policies() == ["v1"]


def test_on_the_way_back_drafts_go_and_policies_for_segments_score_nobody(
    other_database: BaseDatabaseWrapper,
) -> None:
    def migrate(name: str) -> ProjectState:
        return MigrationExecutor(other_database).migrate([("analytics", name)])

    then = migrate("0041_policies_reverse").apps.get_model("analytics", "ScoringPolicy")
    policies = then._default_manager.using(other_database.alias)
    policies.create(name="Draft", state="draft")
    policies.create(name="VIPs", cohorts=["VIP"], effective_from=date(2025, 5, 10))
    migrate("0039_forecast_cases")
    with other_database.cursor() as cursor:
        cursor.execute("SELECT name, effective_from FROM analytics_scoringpolicy ORDER BY name")
        assert [(name, str(first)) for name, first in cursor.fetchall()] == [
            ("VIPs", "9999-12-31"),
            ("v1", "2000-01-01"),
        ]
    migrate("0041_policies_reverse")
    assert list(policies.filter(name="v1").values_list("state", "cohorts", "stages")) == [("published", [], [])]
