"""Whatever the API's description allows, and much that it does not: no fault, and no answer that it does not describe.

Schemathesis makes the requests, the same ones each time. Half of them ask for rows that are there. A longer run is
``python -m benchmarks.fuzz_api``.
"""

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from hypothesis import HealthCheck, settings
from schemathesis import Case

from customers.core.roles import Role
from tests.support.api_fuzz import DESCRIPTION, aim_at, check, rows_to_aim_at
from tests.support.selection import examples_of_a_push
from tests.support.tokens import make_token

schema = schemathesis.openapi.from_path(str(DESCRIPTION))
schema.app = get_wsgi_application()


@pytest.mark.django_db
@pytest.mark.usefixtures("demo_program")
@schema.parametrize()
@settings(
    max_examples=examples_of_a_push(10), derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
def test_whatever_is_asked_is_answered_as_described(case: Case) -> None:
    aim_at(case, rows_to_aim_at())
    check(case, make_token(None, "read", "write", "ingest", role=Role.ADMINISTRATOR))
