"""How lines are numbered, wherever a message, a row or a preview names one.

As in an editor, the first line of a file is line 1, be it the header or blank. LF, CRLF or CR ends a line, in quotes
too. A record has the number of the line that it begins on.
"""

FIRST_LINE = 1


def count_line_ends(piece: bytes) -> int:
    """Return how many lines end in a piece of a file."""
    returns = piece.count(b"\r")
    return piece.count(b"\n") + (returns and returns - piece.count(b"\r\n"))


def numbered(block: bytes, first: int) -> "enumerate[str]":
    """Return the lines of a block of ASCII that LF or CRLF ends, without their ends, each behind its number."""
    return enumerate(block.decode("ascii").replace("\r\n", "\n").split("\n")[:-1], first)


def cells_of_lines(block: bytes) -> list[str]:
    """Return the cells of all lines of a block of ASCII without quotes that LF or CRLF ends."""
    return block.decode("ascii").replace("\r\n", "\n").replace("\n", ",").split(",")[:-1]


class LineCounter:
    """Counts the lines of a text that arrives in pieces; a CRLF may be cut in two."""

    def __init__(self, first: int = FIRST_LINE) -> None:
        self.number = first
        self._ended_in_cr = False

    def after(self, piece: bytes) -> int:
        """Return what the number would be behind ``piece``."""
        return self.number + count_line_ends(piece) - (self._ended_in_cr and piece[:1] == b"\n")

    def add(self, piece: bytes) -> None:
        """Count the line ends of the next piece."""
        if piece:
            self.number = self.after(piece)
            self._ended_in_cr = piece[-1:] == b"\r"
