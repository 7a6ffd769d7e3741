"""How fresh the feeds are, as several pages say it."""

from analytics.page_cache import page_cache
from analytics.page_cache.version import DataVersion
from customers.imports.feed_states import FeedState, feed_states


class FeedsKey(page_cache.DataKey):
    """Of the states of all feeds."""


def known_feed_states(version: DataVersion) -> list[FeedState]:
    """Return the state of each feed, kept until the data change."""
    return page_cache.get_or_set(FeedsKey(version=version), feed_states)
