"""Whether a customer is pushed to CRMs, as staff decide on its page; the assignment has it, too."""

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import transaction

from customers.models import Customer, CustomerCare
from customers.text.say import english, in_english

SAYS = {True: english("Do not sync"), False: english("Synced")}
"""What the history says of the decision."""


def set_do_not_sync(customer: Customer, held: bool, by: User) -> bool:
    """Keep a customer from being pushed to any CRM, or let it be; False where that was so already."""
    with transaction.atomic():
        cares = CustomerCare.objects.select_for_update(of=("self",))
        if not held and not cares.filter(customer=customer, do_not_sync=True).exists():
            return False
        care, _new = cares.get_or_create(customer=customer)
        if care.do_not_sync == held:
            return False
        care.do_not_sync = held
        care.save(update_fields=["do_not_sync"])
        with in_english():
            name = str(care)[:200]
        LogEntry.objects.create(
            user=by,
            content_type=ContentType.objects.get_for_model(CustomerCare),
            object_id=care.pk,
            object_repr=name,
            action_flag=CHANGE,
            change_message=english(f"CRM: {SAYS[held]}."),
        )
    return True
