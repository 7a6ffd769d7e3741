"""Ask the API what nobody thought of, for minutes: ``python -m benchmarks.fuzz_api --minutes 10``.

Schemathesis makes the requests from the committed description, what it allows and what it does not, with other
seeds each round; they go to the application in this process, over the demo program in a database of its own. What
must hold is that of tests/rsolv_cs/api/test_api_fuzz.py: no fault, and no answer that is not described. Exit 0
nothing found, 1 the first finding, in its shortest form and with a line that repeats it.
"""

import argparse
import logging
import os
import random
import sys
import tempfile
import time
import traceback
from pathlib import Path

EXAMPLES = 20


def set_up(folder: Path) -> str:
    """Make the demo program in a folder, and return the secret of a token that may do everything."""
    os.environ |= {"DATABASE_URL": f"sqlite:///{folder}/fuzz.sqlite3", "ARCHIVE_DIR": str(folder / "archive")}
    os.environ |= {"DEBUG": "1", "DJANGO_SETTINGS_MODULE": "rsolv_cs.settings"}
    import django

    django.setup()
    from django.core.management import call_command

    from customers.core.roles import Role
    from tests.factories import load_demo_program
    from tests.support.tokens import make_token

    logging.disable(logging.WARNING)
    call_command("migrate", verbosity=0)
    load_demo_program()
    return make_token(None, "read", "write", "ingest", role=Role.ADMINISTRATOR, per_minute=1_000_000)


def ask(secret: str, number: int) -> int:
    """Ask every operation with a seed, and return how many requests that were."""
    import schemathesis
    from django.core.wsgi import get_wsgi_application
    from hypothesis import HealthCheck, given, seed, settings
    from hypothesis import strategies as st
    from schemathesis import Case, GenerationMode

    from tests.support.api_fuzz import DESCRIPTION, aim_at, check, rows_to_aim_at

    schema = schemathesis.openapi.from_path(str(DESCRIPTION))
    schema.app = get_wsgi_application()
    rows, asked = rows_to_aim_at(), 0

    def one(case: Case) -> None:
        nonlocal asked
        asked += 1
        aim_at(case, rows)
        check(case, secret)

    profile = settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    for operation in schema.get_all_operations():
        cases = st.one_of(*(operation.ok().as_strategy(mode) for mode in GenerationMode))
        seed(number)(profile(given(case=cases)(one)))()
    return asked


def main() -> int:
    """Ask in rounds until the time is over."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10, help="how long (default: 10)")
    parser.add_argument("--seed", type=int, default=None, help="repeat one round with this seed, and stop")
    options = parser.parse_args()
    end, asked = time.monotonic() + options.minutes * 60, 0
    with tempfile.TemporaryDirectory(prefix="rsolv-fuzz-") as folder:
        secret = set_up(Path(folder))
        while time.monotonic() < end:
            number = random.getrandbits(32) if options.seed is None else options.seed
            try:
                asked += ask(secret, number)
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is a finding
                print("".join(traceback.format_exception(error)))
                print(f"Repeat it by: python -m benchmarks.fuzz_api --seed {number}")
                return 1
            if options.seed is not None:
                break
    print(f"{asked:,} requests in {options.minutes:g} minutes, nothing found")
    return 0


if __name__ == "__main__":
    sys.exit(main())
