"""The project's own app: the admin's site, system checks, and the roles kept in step after each migration."""

import gc

from django.apps import AppConfig, apps
from django.contrib.admin.apps import AdminConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _

_CALLED = {
    "auth.Group": (_("role"), _("roles")),
    "axes.AccessAttempt": (_("failed login"), _("failed logins")),
}
"""What the pages call rows of others' models; migrations look at what the models themselves say."""


class SiteConfig(AdminConfig):
    """The admin with the site of ours."""

    default_site = "rsolv_cs.site.Site"


class ProjectConfig(AppConfig):
    """Registers what belongs to no feature: system checks and roles."""

    name = "rsolv_cs"
    verbose_name = "RSOLV Customer Success"

    def ready(self) -> None:
        """Hear the end of each ``migrate``, and what becomes of logins and second factors."""
        from django_otp.plugins.otp_totp.models import TOTPDevice

        from customers.audit.signals import track
        from rsolv_cs import checks, roles
        from rsolv_cs.api import answers, schema  # noqa: F401 - their extensions register themselves
        from rsolv_cs.login import attempts, sessions  # noqa: F401 - two of them hear logins
        from rsolv_cs.monitoring import optional
        from rsolv_cs.sso import checks as sso_checks
        from rsolv_cs.tokens import revoke  # noqa: F401 - it hears of accounts that are deactivated

        for label, (one, many) in _CALLED.items():
            called = apps.get_model(label)._meta
            called.verbose_name, called.verbose_name_plural = one, many
        checks.register_all()
        optional.ERRORS.start()
        sso_checks.register_sso_checks()
        # The signal comes app by app, in the order of INSTALLED_APPS; by auth's turn all permissions are there.
        post_migrate.connect(roles.sync, sender=apps.get_app_config("auth"))
        said = {"user", "name", "confirmed"}
        track(TOTPDevice, skipped=[field.name for field in TOTPDevice._meta.concrete_fields if field.name not in said])
        # What is loaded stays: to look through it once again takes a tenth of what 10,000 customers' scores take.
        gc.freeze()
