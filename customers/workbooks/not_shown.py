"""Why a cell cannot be read as Excel shows it: a sentence each, which names the cell and says what to do."""

from django.utils.translation import gettext, gettext_lazy

from customers.text.say import Words, say_later

MAX_CHARACTERS = 32_767
"""Of a cell, as Excel counts them: one beyond U+FFFF is two."""


class NotShown(ValueError):
    """A cell that cannot be read as Excel shows it; ``of`` says why."""

    def __init__(self, sentence: Words) -> None:
        super().__init__(sentence)
        self._sentence = sentence

    def of(self, cell: str) -> str:
        """Return the sentence about a cell, such as ``B2``."""
        advice = gettext("give its column the format Text and type it anew, or save the sheet as CSV.")
        return str(self._sentence).format(cell=cell, advice=advice)


NO_NUMBER = gettext_lazy("Cell {cell} is not a number, so it cannot be read as Excel shows it: {advice}")
TOO_MANY_DIGITS = gettext_lazy(
    "Cell {cell} has more than 15 digits, of which Excel keeps 15, so it cannot be read as Excel shows it: {advice}"
)
UNKNOWN_FORMAT = gettext_lazy(
    "Cell {cell} has a number format that is not understood here, so it cannot be read as Excel shows it: {advice}"
)
LONG_FORMAT = gettext_lazy(
    "Cell {cell} has a number format that Excel does not take, so it cannot be read as Excel shows it: {advice}"
)
CONDITIONS = gettext_lazy(
    "Cell {cell} has a number format with conditions, which are not understood here, so it cannot be read as Excel "
    "shows it: {advice}"
)
FRACTION = gettext_lazy("Cell {cell} is shown as a fraction, so it cannot be read as Excel shows it: {advice}")
THOUSANDS = gettext_lazy(
    "Cell {cell} is shown in thousands or millions, so it cannot be read as Excel shows it: {advice}"
)
BEFORE_FIRST_DAY = gettext_lazy(
    "Cell {cell} is a date before Excel's first one, and shown as ####, so it cannot be read as Excel shows it: "
    "{advice}"
)
PART_OF_DATE = gettext_lazy(
    "Cell {cell} shows only a part of its date, so it cannot be read as Excel shows it: {advice}"
)
TIME_OF_DATE = gettext_lazy(
    "Cell {cell} shows only the time of its date, so it cannot be read as Excel shows it: {advice}"
)
NO_LEAP_DAY = gettext_lazy(
    "Cell {cell} is 29 February 1900, which was no day, so it cannot be read as Excel shows it: {advice}"
)
NO_DATE = gettext_lazy("Cell {cell} is no date that Excel shows, so it cannot be read as Excel shows it: {advice}")
UNKNOWN_DATE = gettext_lazy(
    "Cell {cell} is a date of a form that is not understood here, so it cannot be read as Excel shows it: {advice}"
)
LONG_TEXT = say_later(
    "Cell {cell} has a text of more than {most} characters, which is the most that Excel takes, so it cannot be read "
    "as Excel shows it: {advice}",
    most=MAX_CHARACTERS,
    cell="{cell}",
    advice="{advice}",
)
NO_CHARACTER = gettext_lazy(
    "Cell {cell} has a character that is none, so it cannot be read as Excel shows it: {advice}"
)
