"""Choices whose labels are in the reader's language."""

from enum import property as enum_property
from typing import TYPE_CHECKING

from django.db import models
from django.db.models.enums import ChoicesType

if TYPE_CHECKING:

    class SpokenChoices(models.TextChoices):
        """What the plugin of mypy understands: it takes labels by ``gettext_lazy`` for lazy ones."""

        @enum_property
        def label(self) -> str: ...

else:

    class _SpokenType(ChoicesType):
        """Gives forms and columns the labels as they are declared, because these keep them."""

        @property
        def choices(cls) -> list[tuple[str, object]]:
            return [(one.value, one._label_) for one in cls]

    class SpokenChoices(models.TextChoices, metaclass=_SpokenType):
        """Django's, with labels by ``gettext_lazy``: one is put into words when it is asked for, and is a ``str``."""

        @enum_property
        def label(self) -> str:
            return str(self._label_)
