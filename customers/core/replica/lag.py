"""How long ago the replica had all that the primary had.

The two clocks and the moments of transactions say nothing of it where nobody writes. So it is noted how far the
primary was, and when, and the replica is compared with that.
"""

from collections import deque

MOST_NOTED = 3_600


class Lag:
    """What is noted of the primary since the replica was last as far."""

    def __init__(self) -> None:
        self._noted: deque[tuple[float, int]] = deque(maxlen=MOST_NOTED)
        self._had_all_of: float | None = None

    def note(self, at: float, primary: int, replica: int) -> float | None:
        """Note how far both are at a moment; return the seconds since a moment of which the replica has everything.

        None where there is no such moment yet: it was behind at each that was noted.
        """
        if self._noted and primary < self._noted[-1][1]:
            # Another server is the primary now, so what was noted says nothing.
            self._noted.clear()
            self._had_all_of = None
        self._noted.append((at, primary))
        while self._noted and self._noted[0][1] <= replica:
            self._had_all_of = self._noted.popleft()[0]
        return None if self._had_all_of is None else at - self._had_all_of
