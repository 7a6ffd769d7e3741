"""``manage.py push``: push what differs to the destinations, or say what would be."""

from argparse import ArgumentParser

from django.core.management.base import CommandError
from django.utils.translation import gettext, gettext_lazy

from analytics.crm.begin import NotPushable
from analytics.crm.plan import Fate, counted_fates, plan_rows
from analytics.crm.pushing import push_to
from analytics.models import Destination, PortfolioDay, Push
from analytics.wording import counted, in_a_row
from customers.audit.trail import user_name
from customers.jobs.commands import EXIT_BUSY, AuditedCommand, usage_error
from customers.jobs.lock import LockHeld
from customers.text.say import in_english, say
from customers.text.written import number


class Command(AuditedCommand):
    """Pushes to one destination after the other; what one of them does concerns no other."""

    busy = gettext_lazy("Another push is going on; nothing was pushed.")
    about = gettext_lazy(
        "Push the customers of the newest scored date whose values differ from what was last pushed. A push that was "
        "cut short is completed first. Customers that the CRM refuses are named on the push's page, and are no "
        "failure. Exit code: 0 done, 1 a push stopped or cannot begin, 2 usage, 75 another push to it is going on."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("destination", nargs="?", help=gettext("its name (default: all that are on)"))
        parser.add_argument("--dry-run", action="store_true", help=gettext("only say what would be sent"))
        parser.add_argument(
            "--all", action="store_true", dest="everything", help=gettext("send the unchanged again, too")
        )
        parser.add_argument("--nightly", action="store_true", help=gettext("only those that are pushed each night"))

    def handle(
        self, *, destination: str | None, dry_run: bool, everything: bool, nightly: bool, **options: object
    ) -> None:
        chosen = _chosen(destination, nightly=nightly)
        self.had_nothing_to_do = not chosen
        if not chosen and not nightly:
            self.stdout.write(gettext("No destination is on, so nothing is pushed."))
        stopped, busy = [], []
        for one in chosen:
            if dry_run:
                self.stdout.write(_would_be(one, everything=everything))
                continue
            try:
                with in_english():  # What a push says is stored.
                    push = push_to(one, user_name(), everything=everything)
            except NotPushable as error:
                self.stderr.write(f"{one}: {error}")
                stopped.append(one.name)
            except LockHeld:
                self.stderr.write(say("{destination}: another push is going on.", destination=str(one)))
                busy.append(one.name)
            else:
                self.stdout.write(f"{one}: {push.in_words}.")
                if push.state == Push.State.UNFINISHED:
                    self.stderr.write(f"{one}: {push.reason}")
                    stopped.append(one.name)
        if stopped:
            raise CommandError(say("Not pushed to the end: {destinations}.", destinations=in_a_row(stopped)))
        if busy:
            raise CommandError(
                say("Another push goes on: {destinations}.", destinations=in_a_row(busy)), returncode=EXIT_BUSY
            )


def _chosen(name: str | None, *, nightly: bool) -> list[Destination]:
    if name is not None:
        found = Destination.objects.filter(name=name).first()
        if found is None:
            named = ", ".join(Destination.objects.values_list("name", flat=True)) or gettext("none")
            raise usage_error(
                say("There is no destination {name}. There are: {destinations}.", name=name, destinations=named)
            )
        return [found]
    on = Destination.objects.filter(enabled=True)
    return list(on.filter(nightly=True) if nightly else on)


def _would_be(destination: Destination, *, everything: bool) -> str:
    portfolio = PortfolioDay.objects.newest()
    if portfolio is None:
        raise CommandError(gettext("No date is scored yet, so there is nothing to push."))
    fates = counted_fates(plan_rows(destination, portfolio, everything=everything))
    fates[Fate.HELD_BACK] += portfolio.erased
    said = ", ".join(f"{number(fates[fate])} {fate.label.lower()}" for fate in Fate)
    return say(
        "{destination}: {counts} of {customers}; nothing was pushed.",
        destination=str(destination),
        counts=said,
        customers=counted(fates.total(), "customer"),
    )
