"""How a workbook is read."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.workbooks import converted


@pytest.fixture
def read(tmp_path: Path) -> Callable[[bytes], list[tuple[str, ...]]]:
    """Converts a workbook and reads its CSV by the loader's own reader."""

    def convert(content: bytes) -> list[tuple[str, ...]]:
        return converted(content, tmp_path)[0]

    return convert
