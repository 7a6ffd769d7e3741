"""The end of a token: by hand, or with its account."""

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.db.models.signals import post_save
from django.dispatch import receiver
from django.utils import timezone

from customers.audit import trail
from customers.models import ApiToken
from customers.text.say import english


def end_tokens(tokens: QuerySet[ApiToken], why: str = "") -> int:
    """End those of the tokens that are not revoked yet, for good; return how many there were."""
    by = trail.current_actor()
    rows = tokens.filter(revoked_at=None)
    return trail.update_rows(rows, trail.Action.RIGHTS, detail=why, revoked_at=timezone.now(), revoked_by=by)


@receiver(post_save, sender=User, dispatch_uid="rsolv_cs.revoke_tokens")
def _end_with_the_account(instance: User, created: bool, raw: bool, **_more: object) -> None:
    """Whoever may not act any more cannot again by an old token, should the account be given back."""
    if not raw and not created and not (instance.is_active and instance.is_staff):
        end_tokens(ApiToken.objects.filter(user=instance), english("because the account is deactivated"))
