"""Texts of several lines, of which the server says what the browser said: the same line breaks, the same length."""

from collections.abc import Sized
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.validators import MaxLengthValidator
from django.db import models


def one_break(text: str) -> str:
    """Return a text with its line breaks as they are stored, whatever a browser made of them."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


class BrowserLength(MaxLengthValidator):
    """At most as many characters as a browser counts for ``maxlength``: UTF-16 code units, so an emoji is two."""

    def clean(self, x: Sized) -> int:
        """Return the length."""
        return len(str(x).encode("utf-16-le", "surrogatepass")) // 2


class TextAreaField(forms.CharField):
    """A text area: a line break is one character, as in the browser, and is stored as one."""

    widget = forms.Textarea

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.validators = [
            BrowserLength(each.limit_value) if isinstance(each, MaxLengthValidator) else each
            for each in self.validators
        ]

    def to_python(self, value: Any) -> Any:
        """Return the text, with its line breaks as they are stored."""
        return super().to_python(one_break(value) if isinstance(value, str) else value)


if TYPE_CHECKING:
    TextField = models.TextField[str, str]
else:
    TextField = models.TextField


class LongText(TextField):
    """Django's text column, whose form field is a ``TextAreaField``."""

    def formfield(self, **options: Any) -> forms.Field | None:
        return super().formfield(**{"form_class": TextAreaField, **options})

    def deconstruct(self) -> Any:
        """Describe the column to migrations as Django's own."""
        name, _path, arguments, options = super().deconstruct()
        return name, "django.db.models.TextField", arguments, options
