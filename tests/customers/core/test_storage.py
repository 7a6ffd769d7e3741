"""Shared files: what a folder and a bucket do alike, whoever looks at them from wherever."""

import io
import random
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from customers.core.storage import areas
from customers.core.storage.area import Area, StoredFile
from customers.core.storage.folder import ExportFolder
from customers.core.storage.ranged import RangedFile
from rsolv_cs import storage_url
from tests.support import s3
from tests.support.s3 import FakeBucket, bucket, s3_server
from tests.support.settings import SECRET, complaint, start, values

__all__ = ["bucket", "s3_server"]

_ACCEPTED = (
    "STORAGE_URL cannot be read; use the path of a folder, or s3://bucket/prefix?endpoint=https://host&region=name, "
    "with key:secret@ before the bucket where no role gives them."
)


@pytest.fixture(params=["folder", "bucket"])
def area(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> Area:
    """The exports, which nobody has written yet, and beside them the archive, which is not empty."""
    if request.param == "bucket":
        request.getfixturevalue("bucket")
    settings.EXPORT_DIR, settings.ARCHIVE_DIR = tmp_path / "exports", tmp_path / "archive"
    write(areas.archive(), "ab/of-the-archive", b"other")
    return areas.exports()


def write(area: Area, name: str, content: bytes) -> None:
    with area.new_file(name) as file:
        file.write(content)


def read(area: Area, name: str) -> bytes:
    with area.open(name) as file:
        return file.read()


def everything(area: Area) -> dict[str, bytes]:
    return {name: read(area, name) for pattern in ("*", "*/*", "*/*/*") for name in area.names(pattern)}


# --- A file -------------------------------------------------------------------------------------------------------


def test_a_file_is_written_read_and_removed(area: Area) -> None:
    one = StoredFile(area, "one.zip")
    assert (one.size(), one.is_there()) == (None, False)
    with pytest.raises(FileNotFoundError):
        one.open()
    one.remove()
    write(area, one.name, b"first")
    write(area, one.name, b"the second")
    assert (one.size(), everything(area)) == (10, {"one.zip": b"the second"})
    with one.open() as file:
        assert (file.seek(-6, io.SEEK_END), file.read(3), file.seek(0), file.read(3)) == (4, b"sec", 0, b"the")
    one.remove()
    one.remove()
    assert everything(area) == {}


def test_a_file_that_is_not_written_to_its_end_is_the_old_one(area: Area) -> None:
    write(area, "one.zip", b"old")
    for name in ("one.zip", "two.zip"):
        with pytest.raises(KeyError), area.new_file(name) as file:
            file.write(b"new")
            file.flush()
            assert read(area, "one.zip") == b"old"
            raise KeyError
    assert everything(area) == {"one.zip": b"old"}


def test_names_are_found_by_a_pattern_that_stops_at_slashes(area: Area) -> None:
    for name in ("a.zip", "b.csv", "ab/c.zip", "ab/d/e.zip"):
        write(area, name, b"x")
    found = {pattern: sorted(area.names(pattern)) for pattern in ("*.zip", "[a-z][a-z]/*.zip", "*/*/*", "x*")}
    assert found == {"*.zip": ["a.zip"], "[a-z][a-z]/*.zip": ["ab/c.zip"], "*/*/*": ["ab/d/e.zip"], "x*": []}
    assert {name for name, _changed in area.entries()} == {"a.zip", "b.csv", "ab"}


def test_a_note_takes_the_place_of_the_one_before(area: Area) -> None:
    for content in (b"1", b"2"):
        area.note("note", content)
    assert everything(area) == {"note": b"2"}


def test_a_local_copy_has_the_files_name_and_is_gone_afterwards(area: Area) -> None:
    write(area, "ab/customers.csv.gz", b"packed")
    with area.local("ab/customers.csv.gz") as path:
        assert (path.name, path.read_bytes()) == ("customers.csv.gz", b"packed")
    assert path.exists() == isinstance(area, ExportFolder)
    with area.local("ab/customers.csv.gz", first_bytes=4) as path:
        assert path.read_bytes().startswith(b"pack")
    with area.local("nothing") as path:
        assert not path.exists()


# --- A folder -----------------------------------------------------------------------------------------------------


def test_a_folder_takes_the_place_of_the_one_before_as_a_whole(area: Area) -> None:
    for content in (b"1", b"2"):
        with area.new_folder("up/preview") as folder:
            assert list(folder.iterdir()) == []
            (folder / content.decode()).write_bytes(content)
    assert everything(area) == {"up/preview/2": b"2"}
    with pytest.raises(KeyError), area.new_folder("up/other") as folder:
        (folder / "half").write_bytes(b"x")
        raise KeyError
    assert everything(area) == {"up/preview/2": b"2"}
    area.remove_folder("up")
    area.remove_folder("up")
    assert everything(area) == {}
    assert everything(areas.archive()) == {"ab/of-the-archive": b"other"}


# --- A stream of a bucket -----------------------------------------------------------------------------------------

CONTENT = random.Random(1).randbytes(5_000)


@given(st.lists(st.tuples(st.integers(0, 6_000), st.integers(-1, 700), st.sampled_from([0, 1, 2]))))
def test_a_stream_reads_wherever_it_is_sought_as_a_file_does(steps: list[tuple[int, int, int]]) -> None:
    ours = io.BufferedReader(RangedFile(lambda start: io.BytesIO(CONTENT[start:]), len(CONTENT), "s3://x"), 256)
    real = io.BufferedReader(io.BytesIO(CONTENT), 256)  # type: ignore[arg-type]  # raw enough
    for offset, count, whence in steps:
        offset = -min(offset, len(CONTENT)) if whence == io.SEEK_END else offset
        assert ours.seek(offset, whence) == real.seek(offset, whence)
        assert ours.read(count) == real.read(count)
        assert ours.tell() == real.tell()


def test_a_stream_that_broke_off_goes_on_where_it_was() -> None:
    asked: list[int] = []

    def fetch(start: int) -> io.BytesIO:
        asked.append(start)
        return io.BytesIO(CONTENT[start : start + 1_000])

    assert RangedFile(fetch, len(CONTENT), "s3://x").readall() == CONTENT
    assert asked == [0, 1_000, 2_000, 3_000, 4_000]


# --- The setting --------------------------------------------------------------------------------------------------


def test_a_folder_holds_all_three_whatever_their_own_settings_say(tmp_path: Path) -> None:
    names = ("UPLOAD_DIR", "ARCHIVE_DIR", "EXPORT_DIR")
    for url in (str(tmp_path), f"file://{tmp_path}"):
        assert values(*names, DEBUG="1", STORAGE_URL=url, UPLOAD_DIR="/elsewhere") == {
            "UPLOAD_DIR": f"{tmp_path}/uploads",
            "ARCHIVE_DIR": f"{tmp_path}/archive",
            "EXPORT_DIR": f"{tmp_path}/exports",
        }


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("var/shared", _ACCEPTED),
        ("https://s3.example.com/bucket", _ACCEPTED),
        ("/dev/null", "STORAGE_URL='/dev/null' is not a folder."),
        ("s3://", _ACCEPTED),
        ("s3://B_/x", _ACCEPTED),
        (f"s3://key:{SECRET}@bucket:9000/x", _ACCEPTED),
        ("s3://key@bucket/x", _ACCEPTED),
        ("s3://bucket/../other", _ACCEPTED),
        (f"s3://key:{SECRET}@bucket/x?token=1", "STORAGE_URL has an option that is none of: endpoint, region."),
        ("s3://bucket?region=", "STORAGE_URL has an option that is none of: endpoint, region."),
        (
            f"s3://key:{SECRET}@bucket?endpoint=minio:9000",
            "STORAGE_URL: the endpoint is not an address such as https://s3.example.com.",
        ),
    ],
)
def test_what_is_no_storage_stops_the_start_and_shows_no_secret(url: str, message: str) -> None:
    ran = start(STORAGE_URL=url)
    assert complaint(ran) == message
    assert SECRET not in ran.err


def test_a_secret_that_is_not_encoded_is_told() -> None:
    said = complaint(start(STORAGE_URL=f"s3://key:{SECRET}/more@bucket/x"))
    assert re.match("STORAGE_URL has a special character that must be percent-encoded", said)
    assert SECRET not in said


def test_a_bucket_is_read_from_the_url() -> None:
    assert storage_url.shared_bucket(
        "s3://k:a%2Fb@bucket.of-us/a/b/?region=eu-1&endpoint=https://s3.example.com:9000"
    ) == {
        "bucket_name": "bucket.of-us",
        "location": "a/b",
        "access_key": "k",
        "secret_key": "a/b",
        "region_name": "eu-1",
        "endpoint_url": "https://s3.example.com:9000",
    }
    assert storage_url.shared_bucket("s3://bucket") == {"bucket_name": "bucket", "location": ""}
    assert storage_url.shared_bucket("/srv/rsolv") == {}


def test_a_bucket_takes_packages_that_not_everybody_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage_url, "find_spec", lambda name: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert complaint(start(STORAGE_URL="s3://bucket")) == (
        "STORAGE_URL names a bucket, which takes packages that are not installed: make setup-storage, "
        "or: pip install --require-hashes -r requirements-storage.txt"
    )


def test_where_it_lies_is_said_without_the_secret(bucket: FakeBucket) -> None:
    assert areas.archive().label("ab/x") == f"s3://{bucket.name}/cs/archive/ab/x"
    assert str(StoredFile(areas.exports(), "one")) == f"s3://{bucket.name}/cs/exports/one"
    assert s3.SECRET not in areas.uploads().label()


def test_a_bucket_without_a_prefix_has_the_areas_at_its_top(bucket: FakeBucket, settings: Settings) -> None:
    s3.use(settings, bucket.url(prefix=""))
    write(areas.exports(), "one", b"1")
    assert bucket.objects() == {"exports/one": b"1"}
    assert everything(areas.exports()) == {"one": b"1"}
