"""A destination: only fields of our prefix, credentials by name alone."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from analytics.models import Destination

pytestmark = pytest.mark.django_db
SCORE = {"name": "rsolv_score", "mode": "overwrite"}


def destination(**values: Any) -> Destination:
    """A sound destination, but for what is given."""
    given = {"name": "HubSpot", "kind": "hubspot", "variables": "CRM_HUBSPOT", "fields": {"score": SCORE}}
    return Destination(**{**given, **values})


def test_a_sound_one_is_taken() -> None:
    destination().full_clean()
    assert destination().ours == {"rsolv_customer_id", "rsolv_score"}


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"variables": ""}, "variables"),
        ({"variables": "DATABASE_URL"}, "variables"),
        ({"variables": "crm_hubspot"}, "variables"),
        ({"variables": "CRM_"}, "variables"),
        ({"variables": "CRM_A\n"}, "variables"),
        ({"prefix": ""}, "prefix"),
        ({"prefix": "_"}, "prefix"),
        ({"prefix": "a_"}, "prefix"),
        ({"prefix": "hs_", "match_key": "hs_customer"}, "hs_ are HubSpot’s own"),
        ({"kind": "salesforce"}, "ends in __c"),
        ({"match_key": "domain"}, "match_key"),
        ({"match_key": "rsolv_"}, "match_key"),
        ({"match_key": "rsolv_id’"}, "match_key"),
        ({"fields": {}}, "at least one value"),
        (
            {"fields": {"score": {"name": "lifecyclestage", "mode": "overwrite"}}},
            "Score: “lifecyclestage” is no",
        ),
        ({"fields": {"score": {"name": "rsolv_Customer_ID", "mode": "overwrite"}}}, "two values cannot be pushed"),
        ({"fields": {"score": SCORE, "status": SCORE}}, "two values cannot be pushed into rsolv_score"),
        ({"fields": {"score": {"name": "rsolv_score", "mode": "identifier"}}}, "cannot be pushed like this"),
        ({"fields": {"email": {"name": "rsolv_email", "mode": "overwrite"}}}, "cannot be pushed like this"),
    ],
)
def test_what_is_not_ours_is_refused(values: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError) as refused:
        destination(**values).full_clean()
    assert fault in str(refused.value)


def test_a_file_needs_no_credentials() -> None:
    file = destination(kind="changed_rows", variables="CRM_LEFT_OVER")
    file.full_clean()
    assert file.variables == ""
