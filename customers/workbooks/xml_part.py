"""Untrusted XML, read as it streams by: it builds no tree, and ends what would take too long."""

import time
from collections.abc import Mapping
from typing import IO, ClassVar
from xml.parsers import expat

from django.utils.translation import gettext, gettext_lazy

from customers.text.say import Words

BLOCK = 64 * 1024
_MAX_TAG_LENGTH = 1024 * 1024
"""Also of a comment: expat holds each whole."""
_DEEPEST = 100
_MAX_NAMES = 1_000
"""Of elements and attributes, which expat keeps; those of a workbook are a hundred or two."""
MAX_TEXT_LENGTH = 2**18
"""Characters of one text, which may take seven for each of the 32,767 that Excel has in a cell."""
MAX_SECONDS = 60
"""Of computing, for a whole part."""


class NotTaken(Exception):
    """The upload cannot be taken; the message says why, and what to do."""


class XmlPart:
    """Handlers for a part of a workbook, by local names.

    ``most_bytes`` and ``most_elements`` bound it, ``too_much`` says so. ``text`` collects the characters while it is
    a list; of those between elements it is None. ``length`` counts them, to be set back where another text begins.
    """

    most_bytes = 16 * 2**20
    most_elements = 100_000
    too_much: ClassVar[Words] = gettext_lazy(
        "The workbook has far more in it than a table needs: save the sheet as CSV."
    )

    def __init__(self) -> None:
        self.text: list[str] | None = None
        self.length = 0
        self.done = False
        self._elements = 0
        self._depth = 0
        self._local: dict[str, str] = {}
        self._attributes: set[str] = set()

    def started(self, name: str, attributes: Mapping[str, str]) -> None:
        """Note that an element begins."""

    def ended(self, name: str) -> None:
        """Note that an element ends."""

    def read(self, file: IO[bytes], size: int) -> None:
        """Read the part, until it is ``done``; raises ``NotTaken``, or ``ExpatError`` where it is no XML."""
        if size > self.most_bytes:
            raise self.refusal()
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.buffer_size = BLOCK
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = _refuse_entities
        fed, until = 0, time.thread_time() + MAX_SECONDS
        while not self.done:
            block = file.read(BLOCK)
            fed += len(block)
            parser.Parse(block, not block)
            if not block:
                return
            if fed - parser.CurrentByteIndex > _MAX_TAG_LENGTH or time.thread_time() > until:
                raise self.refusal()

    def refusal(self) -> NotTaken:
        """Return what to say where there is too much of it."""
        return NotTaken(str(self.too_much))

    def too_long(self) -> NotTaken:
        """Return what to say where a text has more than ``MAX_TEXT_LENGTH`` characters."""
        return NotTaken(
            gettext("The workbook has a text that is longer than any cell of Excel's: save the sheet as CSV.")
        )

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        self._depth += 1
        if self._elements > self.most_elements or self._depth > _DEEPEST:
            raise self.refusal()
        if not self._attributes.issuperset(attributes):
            self._attributes.update(attributes)
            if len(self._attributes) > _MAX_NAMES:
                raise self.refusal()
        self.started(self._local.get(name) or self._localised(name), attributes)

    def _end(self, name: str) -> None:
        self.ended(self._local.get(name) or self._localised(name))
        self._depth -= 1

    def _localised(self, name: str) -> str:
        local = name.rpartition(":")[2]
        if len(self._local) >= _MAX_NAMES:
            raise self.refusal()
        self._local[name] = local
        return local

    def _characters(self, text: str) -> None:
        if self.text is not None:
            self.text.append(text)
            self.length += len(text)
            if self.length > MAX_TEXT_LENGTH:
                raise self.too_long()


def _refuse_entities(*_declared: object) -> None:
    raise NotTaken(gettext("The workbook declares entities, which no spreadsheet does: it is not read."))
