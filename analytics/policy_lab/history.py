"""What is done with a policy outside its form, in the history that the form leads to."""

from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.auth.models import User

from analytics.models import ScoringPolicy


def note_made(policy: ScoringPolicy, by: User, words: str) -> None:
    """Note that somebody has made a policy, and how."""
    LogEntry.objects.log_actions(by.pk, [policy], ADDITION, change_message=words, single_object=True)


def note_done(policy: ScoringPolicy, by: User, words: str) -> None:
    """Note what somebody has done with a policy."""
    LogEntry.objects.log_actions(by.pk, [policy], CHANGE, change_message=words, single_object=True)
