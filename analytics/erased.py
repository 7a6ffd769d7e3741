"""What an erased customer leaves here: rows go by their foreign keys, digests that mention them lose their text."""

import re
from typing import Any
from urllib.parse import quote

from analytics.digest import customer_name
from analytics.models import Digest

NO_TEXT = "A customer who was erased was mentioned here."
_AT_ONCE = 500


def forget_customer(customer_id: str, organization: str, **_signal: Any) -> dict[str, int]:
    """Hear that a customer is erased. A digest stays as a record that it was sent, and to whom."""
    address = re.escape(f"/customer/{quote(customer_id, safe='')}/")
    name = rf"(?<!\w){re.escape(customer_name(organization))}(?!\w)" if organization else address
    mention = re.compile(f"{address}|{name}")
    digests = Digest.objects.order_by("pk").values_list("pk", "subject", "text", "error")
    gone = [pk for pk, *texts in digests.iterator(chunk_size=_AT_ONCE) if any(mention.search(text) for text in texts)]
    for first in range(0, len(gone), _AT_ONCE):
        some = Digest.objects.filter(pk__in=gone[first : first + _AT_ONCE])
        some.update(subject="", text=NO_TEXT, error="")
    return {"texts of digests": len(gone)}
