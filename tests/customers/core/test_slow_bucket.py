"""One slow object says nothing of its bucket; two in a row do."""

import pytest
from pytest_django.fixtures import Settings

from customers.core.storage import areas, s3
from customers.core.storage.area import StorageUnavailable, StoredFile
from tests.support.s3 import Door, FakeBucket, bucket, door, s3_server, use

__all__ = ["bucket", "door", "s3_server"]


def test_one_slow_object_closes_no_bucket_and_a_second_in_a_row_does(
    door: Door, bucket: FakeBucket, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    one = StoredFile(areas.archive(), "one")
    with one.new() as file:
        file.write(b"x")
    monkeypatch.setattr(s3, "ANSWER_SECONDS", 0.3)
    use(settings, bucket.url(door.url))
    for slow in (1, 1, 2):
        monkeypatch.setattr(door, "fault", "slow")
        for _time in range(slow):
            with pytest.raises(StorageUnavailable, match="does not answer"):
                StoredFile(areas.archive(), "one").open()
        monkeypatch.setattr(door, "fault", "")
        if slow == 1:
            assert StoredFile(areas.archive(), "one").size() == 1
    with pytest.raises(StorageUnavailable, match="does not answer"):
        StoredFile(areas.archive(), "one").size()
