"""A database of the test's own, which other processes use too."""

from tests.support.own_databases import own, unblocked, url

__all__ = ["own", "unblocked", "url"]
