"""The fixtures of tests that have databases of their own."""

from tests.support.own_databases import own, unblocked

__all__ = ["own", "unblocked"]
