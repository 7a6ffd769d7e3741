"""Migrations of names alone: what models, columns and choices are called changes, and no table."""

from django.db.migrations import SeparateDatabaseAndState
from django.db.migrations.state import ProjectState


class StateOnly(SeparateDatabaseAndState):
    """Operations that no database needs to hear of, of which there may be hundreds."""

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Change the state; the models are made of it once, when they are asked for, and not anew for each change."""
        state.__dict__.pop("apps", None)
        super().state_forwards(app_label, state)
