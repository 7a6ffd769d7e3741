"""One result, and how well it matches."""

from dataclasses import dataclass

from customers.text.fold import fold


@dataclass(frozen=True)
class Result:
    """A row of the palette: where it leads, and a hint that tells it from others of its name."""

    title: str
    address: str
    icon: str
    hint: str = ""


def rank(words: list[str], title: str) -> int:
    """Return 0 for a title that starts with the words, 1 where a word of it does, else 2."""
    asked, name = fold(" ".join(words)), fold(title)
    if name.startswith(asked):
        return 0
    return 1 if f" {asked}" in name else 2
