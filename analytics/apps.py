"""The app that turns what the CSVs say into scores, and shows them."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy


class AnalyticsConfig(AppConfig):
    """Scores, snapshots and the pages that read them."""

    name = "analytics"
    verbose_name = gettext_lazy("Analytics")

    def ready(self) -> None:
        """Hear what ``customers`` tells, and what goes into the audit."""
        from django.db.models.signals import pre_delete

        from analytics.alerts.changes import tell_deleted
        from analytics.alerts.put_right import close_repaired
        from analytics.models import AlertRule
        from analytics.receivers.ended import tell_end
        from analytics.receivers.erased import delete_mentions
        from analytics.receivers.erased_files import redact_changed_rows
        from analytics.receivers.joined import carry_over, put_back
        from analytics.receivers.undone import follow_undo
        from analytics.receivers.urgent import follow_customers, follow_health
        from analytics.scoring.signals import health_stored
        from customers.core.signals import (
            command_done,
            customer_erased,
            customers_joined,
            customers_parted,
            files_erased,
            run_ended,
            run_loaded,
            run_undone,
        )

        run_ended.connect(tell_end, dispatch_uid="analytics.tell_end")
        run_ended.connect(follow_customers, dispatch_uid="analytics.follow_customers")
        health_stored.connect(follow_health, dispatch_uid="analytics.follow_health")
        run_loaded.connect(close_repaired, dispatch_uid="analytics.close_repaired_at_run")
        command_done.connect(close_repaired, dispatch_uid="analytics.close_repaired_at_command")
        run_undone.connect(follow_undo, dispatch_uid="analytics.follow_undo")
        customers_joined.connect(carry_over, dispatch_uid="analytics.carry_over")
        customers_parted.connect(put_back, dispatch_uid="analytics.put_back")
        customer_erased.connect(delete_mentions, dispatch_uid="analytics.delete_mentions")
        files_erased.connect(redact_changed_rows, dispatch_uid="analytics.redact_changed_rows")
        pre_delete.connect(tell_deleted, sender=AlertRule, dispatch_uid="analytics.tell_deleted")
        _track_changes()


def _track_changes() -> None:
    """Let the audit have each change of what people set and keep."""
    from analytics.models import (
        AlertRule,
        Board,
        BoardTile,
        Contact,
        Deferral,
        Destination,
        MailTemplate,
        Playbook,
        PlaybookStep,
        Preferences,
        RecommendationRule,
        Report,
        ScoringPolicy,
        Task,
        WebhookEndpoint,
    )
    from customers.audit.signals import track

    for model in (AlertRule, BoardTile, Contact, Deferral, MailTemplate, RecommendationRule, ScoringPolicy, Task):
        track(model)
    for one in (Destination, Playbook, PlaybookStep):
        track(one)
    # What a secret is derived from is nobody's to read; what a receiver asks for is not what somebody did.
    secret = ["secret", "earlier_secret"]
    track(WebhookEndpoint, hidden=secret, skipped=["rests_until", "told_at"])
    track(Preferences, skipped=["digest_checked_at"])
    for shared in (Board, Report):
        track(shared, skipped=["last_run_at", "last_error", "failure_told"])
