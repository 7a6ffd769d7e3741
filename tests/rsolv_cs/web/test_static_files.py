"""Static files by their hashed names."""

from pathlib import Path

import pytest
from django.conf import LazySettings

from rsolv_cs.web.static_files import StaticFiles


def test_a_file_has_the_address_of_its_hashed_name(tmp_path: Path, settings: LazySettings) -> None:
    settings.DEBUG = False
    (tmp_path / "staticfiles.json").write_text(
        '{"paths": {"a/table.css": "a/table.0123456789ab.css"}, "version": "1.1", "hash": "0"}'
    )
    storage = StaticFiles(location=tmp_path, base_url="/static/")
    assert [storage.url("a/table.css") for _again in range(2)] == ["/static/a/table.0123456789ab.css"] * 2
    with pytest.raises(ValueError, match=r"none\.css"):
        storage.url("none.css")
