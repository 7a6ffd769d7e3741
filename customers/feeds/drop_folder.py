"""The drop folder: which file is a feed's, and which one may be meant as it."""

import re
from pathlib import Path

from customers.feeds.declarations import Feed
from customers.feeds.reader import Refused
from customers.text.quoted import quoted
from customers.text.say import english

NAMED_FILES = 3


def is_folder(path: Path) -> bool:
    """Return whether there is a folder, as far as we may look."""
    try:
        return path.is_dir()
    except OSError:
        return False


def find_file(folder: Path, name: str) -> Path | None:
    """Find ``name`` or ``name.gz`` in ``folder``; return None if there is neither.

    Raise ``Refused`` where both lie there or nobody may look.
    """
    there = []
    for path in (folder / name, folder / f"{name}.gz"):
        try:
            path.lstat()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise Refused(english(f"{path.name} cannot be looked for: {error.strerror}")) from error
        there.append(path)
    if len(there) > 1:
        raise Refused(english(f"both {name} and {name}.gz are there; remove the one that is not meant"))
    return there[0] if there else None


def files_like(folder: Path, feed: Feed) -> str:
    """Return in words the files that may be meant as a feed's: their names contain its name, in any case."""
    name = feed.file_name
    word = re.compile(rf"(?<![a-z]){re.escape(name.partition('.')[0])}(?![a-z])", re.IGNORECASE)
    try:
        there = sorted(path.name for path in folder.iterdir())
    except OSError:
        return ""
    like = [other for other in there if word.search(other) and other not in (name, f"{name}.gz")]
    left = len(like) - NAMED_FILES
    said = ", ".join(quoted(other)[1:-1] for other in like[:NAMED_FILES])
    return english(f"{said} and {left} more") if left > 0 else said
