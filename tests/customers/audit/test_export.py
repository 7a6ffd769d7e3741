"""What any download does: the file, and its entry in the audit, or neither."""

from typing import IO

import pytest

from customers.audit.export import Export, export_response
from customers.models import AuditEntry

pytestmark = pytest.mark.django_db


def test_a_download_is_answered_with_the_file_and_recorded() -> None:
    def write(file: IO[bytes]) -> Export:
        file.write(b"a,b\n1,2\n")
        return Export("numbers.csv", "all numbers", "1 row")

    response = export_response(write)

    assert b"".join(response.streaming_content) == b"a,b\n1,2\n"
    response.file_to_stream.close()
    assert response["Content-Disposition"] == 'attachment; filename="numbers.csv"'
    [entry] = AuditEntry.objects.filter(action="export")
    assert (entry.action, entry.subject, entry.text) == ("export", "all numbers", "1 row")


def test_a_download_that_cannot_be_written_is_not_recorded_and_leaves_no_open_file() -> None:
    opened: list[IO[bytes]] = []

    def write(file: IO[bytes]) -> Export:
        opened.append(file)
        raise ValueError("not today")

    with pytest.raises(ValueError, match="not today"):
        export_response(write)

    assert [file.closed for file in opened] == [True]
    assert not AuditEntry.objects.filter(action="export").exists()
