"""Each name of a model and a column is declared, so that it can be translated; no table changes."""

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import analytics.models.preferences
import analytics.models.reports
from customers.state_only import StateOnly


class Migration(migrations.Migration):

    dependencies = [
        ('analytics', '0052_snapshot_months'),
        ('customers', '0029_spoken_names'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        StateOnly(
            state_operations=[
                migrations.AlterModelOptions(
                    name='alert',
                    options={'ordering': ['-opened_on', '-pk'], 'permissions': [('act_on_alert', 'Can acknowledge and snooze alerts')], 'verbose_name': 'alert', 'verbose_name_plural': 'alerts'},
                ),
                migrations.AlterModelOptions(
                    name='alertrule',
                    options={'ordering': ['pk'], 'verbose_name': 'alert rule', 'verbose_name_plural': 'alert rules'},
                ),
                migrations.AlterModelOptions(
                    name='board',
                    options={'ordering': ['name', 'pk'], 'verbose_name': 'board', 'verbose_name_plural': 'boards'},
                ),
                migrations.AlterModelOptions(
                    name='boarddelivery',
                    options={'ordering': ['-pk'], 'verbose_name': 'board delivery', 'verbose_name_plural': 'board deliveries'},
                ),
                migrations.AlterModelOptions(
                    name='boardtile',
                    options={'default_permissions': (), 'ordering': ['position', 'pk'], 'verbose_name': 'board tile', 'verbose_name_plural': 'board tiles'},
                ),
                migrations.AlterModelOptions(
                    name='cohortday',
                    options={'ordering': ['-date', 'by', 'name'], 'verbose_name': 'cohort day', 'verbose_name_plural': 'cohort days'},
                ),
                migrations.AlterModelOptions(
                    name='contact',
                    options={'ordering': ['-is_primary', 'name', 'pk'], 'verbose_name': 'contact', 'verbose_name_plural': 'contacts'},
                ),
                migrations.AlterModelOptions(
                    name='deferral',
                    options={'default_permissions': ('add',), 'ordering': ['-pk'], 'verbose_name': 'deferral', 'verbose_name_plural': 'deferrals'},
                ),
                migrations.AlterModelOptions(
                    name='destination',
                    options={'ordering': ['name'], 'permissions': [('push_destination', 'Can push to destinations, and undo it')], 'verbose_name': 'destination', 'verbose_name_plural': 'destinations'},
                ),
                migrations.AlterModelOptions(
                    name='digest',
                    options={'ordering': ['-pk'], 'verbose_name': 'digest', 'verbose_name_plural': 'digests'},
                ),
                migrations.AlterModelOptions(
                    name='forecast',
                    options={'ordering': ['-date', 'customer_id'], 'verbose_name': 'forecast', 'verbose_name_plural': 'forecasts'},
                ),
                migrations.AlterModelOptions(
                    name='forecastaccuracy',
                    options={'ordering': ['-through', '-pk'], 'verbose_name': 'forecast accuracy', 'verbose_name_plural': 'forecast accuracy'},
                ),
                migrations.AlterModelOptions(
                    name='forecastcase',
                    options={'ordering': ['target', '-date', '-probability', 'customer_id'], 'verbose_name': 'forecast case', 'verbose_name_plural': 'forecast cases'},
                ),
                migrations.AlterModelOptions(
                    name='forecastday',
                    options={'ordering': ['-date', 'target'], 'verbose_name': 'forecast day', 'verbose_name_plural': 'forecast days'},
                ),
                migrations.AlterModelOptions(
                    name='forecastmodel',
                    options={'ordering': ['-trained_through', '-pk'], 'verbose_name': 'forecast model', 'verbose_name_plural': 'forecast models'},
                ),
                migrations.AlterModelOptions(
                    name='invitation',
                    options={'default_permissions': (), 'verbose_name': 'invitation', 'verbose_name_plural': 'invitations'},
                ),
                migrations.AlterModelOptions(
                    name='mailtemplate',
                    options={'ordering': ['situation', 'name'], 'verbose_name': 'email template', 'verbose_name_plural': 'email templates'},
                ),
                migrations.AlterModelOptions(
                    name='message',
                    options={'ordering': ['-pk'], 'permissions': [('contact_customer', 'Can write to customers')], 'verbose_name': 'message', 'verbose_name_plural': 'messages'},
                ),
                migrations.AlterModelOptions(
                    name='night',
                    options={'default_permissions': (), 'ordering': ['-pk'], 'verbose_name': 'nightly run', 'verbose_name_plural': 'nightly runs'},
                ),
                migrations.AlterModelOptions(
                    name='playbook',
                    options={'ordering': ['name'], 'verbose_name': 'playbook', 'verbose_name_plural': 'playbooks'},
                ),
                migrations.AlterModelOptions(
                    name='playbookrun',
                    options={'default_permissions': ('view',), 'ordering': ['-pk'], 'permissions': [('act_on_playbookrun', 'Can stop playbooks and approve their emails')], 'verbose_name': 'playbook run', 'verbose_name_plural': 'playbook runs'},
                ),
                migrations.AlterModelOptions(
                    name='playbookstep',
                    options={'ordering': ['day', 'pk'], 'verbose_name': 'playbook step', 'verbose_name_plural': 'playbook steps'},
                ),
                migrations.AlterModelOptions(
                    name='playbooksteprun',
                    options={'default_permissions': (), 'ordering': ['due', 'pk'], 'verbose_name': 'playbook step run', 'verbose_name_plural': 'playbook step runs'},
                ),
                migrations.AlterModelOptions(
                    name='policytrial',
                    options={'ordering': ['draft', 'date'], 'verbose_name': 'policy trial', 'verbose_name_plural': 'policy trials'},
                ),
                migrations.AlterModelOptions(
                    name='portfolioday',
                    options={'ordering': ['-date'], 'verbose_name': 'portfolio day', 'verbose_name_plural': 'portfolio days'},
                ),
                migrations.AlterModelOptions(
                    name='preferences',
                    options={'default_permissions': (), 'verbose_name': 'preferences', 'verbose_name_plural': 'preferences'},
                ),
                migrations.AlterModelOptions(
                    name='push',
                    options={'default_permissions': ('view',), 'ordering': ['-pk'], 'verbose_name': 'push', 'verbose_name_plural': 'pushes'},
                ),
                migrations.AlterModelOptions(
                    name='pushedcustomer',
                    options={'default_permissions': (), 'verbose_name': 'pushed customer', 'verbose_name_plural': 'pushed customers'},
                ),
                migrations.AlterModelOptions(
                    name='pushrow',
                    options={'default_permissions': (), 'ordering': ['pk'], 'verbose_name': 'push row', 'verbose_name_plural': 'push rows'},
                ),
                migrations.AlterModelOptions(
                    name='recommendationrule',
                    options={'ordering': ['urgency', 'pk'], 'verbose_name': 'recommendation rule', 'verbose_name_plural': 'recommendation rules'},
                ),
                migrations.AlterModelOptions(
                    name='report',
                    options={'ordering': ['name', 'pk'], 'permissions': [('manage_every_report', "Can change other people's shared reports")], 'verbose_name': 'report', 'verbose_name_plural': 'reports'},
                ),
                migrations.AlterModelOptions(
                    name='reportdelivery',
                    options={'ordering': ['-pk'], 'verbose_name': 'report delivery', 'verbose_name_plural': 'report deliveries'},
                ),
                migrations.AlterModelOptions(
                    name='scoringpolicy',
                    options={'ordering': [models.OrderBy(models.F('effective_from'), descending=True, nulls_first=True), models.OrderBy(models.F('published_at'), descending=True, nulls_last=True), '-pk'], 'verbose_name': 'scoring policy', 'verbose_name_plural': 'scoring policies'},
                ),
                migrations.AlterModelOptions(
                    name='snapshot',
                    options={'ordering': ['-date', 'customer_id'], 'verbose_name': 'snapshot', 'verbose_name_plural': 'snapshots'},
                ),
                migrations.AlterModelOptions(
                    name='task',
                    options={'ordering': ['due', 'pk'], 'verbose_name': 'task', 'verbose_name_plural': 'tasks'},
                ),
                migrations.AlterModelOptions(
                    name='webhookattempt',
                    options={'default_permissions': (), 'ordering': ['pk'], 'verbose_name': 'webhook attempt', 'verbose_name_plural': 'webhook attempts'},
                ),
                migrations.AlterModelOptions(
                    name='webhookdelivery',
                    options={'default_permissions': ('view',), 'ordering': ['-pk'], 'verbose_name': 'webhook delivery', 'verbose_name_plural': 'webhook deliveries'},
                ),
                migrations.AlterModelOptions(
                    name='webhookendpoint',
                    options={'ordering': ['pk'], 'verbose_name': 'webhook', 'verbose_name_plural': 'webhooks'},
                ),
                migrations.AlterModelOptions(
                    name='webhookevent',
                    options={'default_permissions': (), 'ordering': ['pk'], 'verbose_name': 'webhook event', 'verbose_name_plural': 'webhook events'},
                ),
                migrations.AlterField(
                    model_name='alert',
                    name='note',
                    field=models.TextField(blank=True, verbose_name='note'),
                ),
                migrations.AlterField(
                    model_name='alertrule',
                    name='audience',
                    field=models.CharField(choices=[('owner', "The customer's owner"), ('managers', 'Program managers'), ('both', 'The owner and the program managers')], default='owner', help_text='Program managers also hear of customers without an (active) owner, and of feeds.', max_length=10, verbose_name='audience'),
                ),
                migrations.AlterField(
                    model_name='alertrule',
                    name='cooldown',
                    field=models.PositiveSmallIntegerField(default=0, help_text='For so many days after an alert was resolved, the rule raises no new one for that customer.', validators=[django.core.validators.MaxValueValidator(365)], verbose_name='cooldown'),
                ),
                migrations.AlterField(
                    model_name='alertrule',
                    name='kind',
                    field=models.CharField(choices=[('at_risk', 'Became at risk'), ('inactive', 'Became inactive'), ('fell', 'Score fell by N points in 7 days'), ('blocked', 'Blocked for N days'), ('no_first_pr', 'No first PR N days after signup'), ('likely_quiet', 'Likely to go quiet'), ('feed', 'Feed late or refused'), ('vanished', 'N or more customers vanished from the feed'), ('quarantined', 'N or more rows of a feed in quarantine'), ('webhook', 'Webhook turned off because of its receiver'), ('custom', 'Own rule')], max_length=20, verbose_name='kind'),
                ),
                migrations.AlterField(
                    model_name='alertrule',
                    name='name',
                    field=models.CharField(blank=True, max_length=100, verbose_name='name'),
                ),
                migrations.AlterField(
                    model_name='alertrule',
                    name='severity',
                    field=models.PositiveSmallIntegerField(choices=[(1, 'Critical'), (2, 'Warning'), (3, 'Info')], default=2, help_text='Critical alerts come first on the page and in the digest. A change applies to past alerts, too.', verbose_name='severity'),
                ),
                migrations.AlterField(
                    model_name='board',
                    name='name',
                    field=models.CharField(max_length=100, verbose_name='name'),
                ),
                migrations.AlterField(
                    model_name='board',
                    name='owner',
                    field=models.ForeignKey(blank=True, null=True, on_delete=analytics.models.reports.keep_shared, related_name='%(class)ss', to=settings.AUTH_USER_MODEL, verbose_name='owner'),
                ),
                migrations.AlterField(
                    model_name='board',
                    name='recipients',
                    field=models.ManyToManyField(blank=True, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='recipients'),
                ),
                migrations.AlterField(
                    model_name='board',
                    name='schedule',
                    field=models.CharField(blank=True, choices=[('', 'Not mailed'), ('daily', 'Every day'), ('weekly', 'Mondays'), ('monthly', 'The first of the month')], default='', max_length=10, verbose_name='schedule'),
                ),
                migrations.AlterField(
                    model_name='boardtile',
                    name='kind',
                    field=models.CharField(choices=[('count', 'Number'), ('trend', 'Trend of 13 weeks'), ('chart', 'Chart by health status'), ('table', 'Table of the first 10')], default='count', max_length=10, verbose_name='kind'),
                ),
                migrations.AlterField(
                    model_name='boardtile',
                    name='report',
                    field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tiles', to='analytics.report', verbose_name='report'),
                ),
                migrations.AlterField(
                    model_name='contact',
                    name='customer',
                    field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='contacts', to='customers.customer', verbose_name='customer'),
                ),
                migrations.AlterField(
                    model_name='contact',
                    name='email',
                    field=models.CharField(max_length=254, verbose_name='email'),
                ),
                migrations.AlterField(
                    model_name='contact',
                    name='name',
                    field=models.CharField(max_length=100, verbose_name='name'),
                ),
                migrations.AlterField(
                    model_name='contact',
                    name='role',
                    field=models.CharField(blank=True, help_text='What this person does there, such as Team lead.', max_length=100, verbose_name='role'),
                ),
                migrations.AlterField(
                    model_name='deferral',
                    name='reason',
                    field=models.CharField(blank=True, choices=[('expected', 'Expected: holidays, a pause, a pilot that ends'), ('elsewhere', 'Handled elsewhere'), ('nothing', 'Nothing we can do'), ('wrong_data', 'The data are wrong'), ('other', 'Another reason')], max_length=20, verbose_name='reason'),
                ),
                migrations.AlterField(
                    model_name='destination',
                    name='fields',
                    field=models.JSONField(default=dict, verbose_name='fields'),
                ),
                migrations.AlterField(
                    model_name='destination',
                    name='kind',
                    field=models.CharField(choices=[('changed_rows', 'File of changed rows'), ('hubspot', 'HubSpot'), ('salesforce', 'Salesforce')], max_length=20, verbose_name='kind'),
                ),
                migrations.AlterField(
                    model_name='destination',
                    name='match_key',
                    field=models.CharField(default='rsolv_customer_id', help_text='The field there that holds our customer id.', max_length=100, verbose_name='match key'),
                ),
                migrations.AlterField(
                    model_name='destination',
                    name='name',
                    field=models.CharField(max_length=100, unique=True, verbose_name='name'),
                ),
                migrations.AlterField(
                    model_name='digest',
                    name='claimed_at',
                    field=models.DateTimeField(verbose_name='claimed at'),
                ),
                migrations.AlterField(
                    model_name='digest',
                    name='day',
                    field=models.DateField(verbose_name='day'),
                ),
                migrations.AlterField(
                    model_name='digest',
                    name='error',
                    field=models.TextField(blank=True, verbose_name='error'),
                ),
                migrations.AlterField(
                    model_name='digest',
                    name='kind',
                    field=models.CharField(choices=[('alerts', 'Nightly alerts'), ('weekly', 'Weekly portfolio')], max_length=10, verbose_name='kind'),
                ),
                migrations.AlterField(
                    model_name='digest',
                    name='recipient',
                    field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL, verbose_name='recipient'),
                ),
                migrations.AlterField(
                    model_name='digest',
                    name='sent_at',
                    field=models.DateTimeField(blank=True, null=True, verbose_name='sent at'),
                ),
                migrations.AlterField(
                    model_name='digest',
                    name='state',
                    field=models.CharField(choices=[('claimed', 'Claimed'), ('sent', 'Sent'), ('failed', 'Failed')], default='claimed', max_length=10, verbose_name='state'),
                ),
                migrations.AlterField(
                    model_name='digest',
                    name='subject',
                    field=models.CharField(blank=True, max_length=200, verbose_name='subject'),
                ),
                migrations.AlterField(
                    model_name='digest',
                    name='text',
                    field=models.TextField(blank=True, verbose_name='text'),
                ),
                migrations.AlterField(
                    model_name='mailtemplate',
                    name='active',
                    field=models.BooleanField(default=True, verbose_name='active'),
                ),
                migrations.AlterField(
                    model_name='mailtemplate',
                    name='name',
                    field=models.CharField(max_length=100, unique=True, verbose_name='name'),
                ),
                migrations.AlterField(
                    model_name='mailtemplate',
                    name='situation',
                    field=models.CharField(choices=[('welcome', 'Welcome and first steps'), ('blocker', 'Something blocks the onboarding'), ('at_risk', 'At risk'), ('inactive', 'Inactive'), ('check_in', 'Check-in'), ('milestone', 'Milestone')], max_length=20, verbose_name='situation'),
                ),
                migrations.AlterField(
                    model_name='mailtemplate',
                    name='subject',
                    field=models.CharField(max_length=200, verbose_name='subject'),
                ),
                migrations.AlterField(
                    model_name='message',
                    name='attempted_at',
                    field=models.DateTimeField(default=django.utils.timezone.now, verbose_name='attempted at'),
                ),
                migrations.AlterField(
                    model_name='message',
                    name='cc',
                    field=models.TextField(blank=True, default='', verbose_name='cc'),
                ),
                migrations.AlterField(
                    model_name='message',
                    name='created_at',
                    field=models.DateTimeField(default=django.utils.timezone.now, verbose_name='created at'),
                ),
                migrations.AlterField(
                    model_name='message',
                    name='customer',
                    field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='mails', to='customers.customer', verbose_name='customer'),
                ),
                migrations.AlterField(
                    model_name='message',
                    name='error',
                    field=models.TextField(blank=True, verbose_name='error'),
                ),
                migrations.AlterField(
                    model_name='message',
                    name='message_id',
                    field=models.CharField(max_length=255, unique=True, verbose_name='message id'),
                ),
                migrations.AlterField(
                    model_name='message',
                    name='reply_to',
                    field=models.CharField(blank=True, max_length=254, verbose_name='reply to'),
                ),
                migrations.AlterField(
                    model_name='message',
                    name='sender',
                    field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='sender'),
                ),
                migrations.AlterField(
                    model_name='message',
                    name='sent_at',
                    field=models.DateTimeField(null=True, verbose_name='sent at'),
                ),
                migrations.AlterField(
                    model_name='message',
                    name='sent_by',
                    field=models.CharField(max_length=150, verbose_name='sent by'),
                ),
                migrations.AlterField(
                    model_name='message',
                    name='state',
                    field=models.CharField(choices=[('sending', 'Sending'), ('sent', 'Sent'), ('failed', 'Failed'), ('scheduled', 'Scheduled'), ('canceled', 'Canceled')], default='sending', max_length=10, verbose_name='state'),
                ),
                migrations.AlterField(
                    model_name='message',
                    name='subject',
                    field=models.CharField(max_length=200, verbose_name='subject'),
                ),
                migrations.AlterField(
                    model_name='message',
                    name='task',
                    field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='mails', to='analytics.task', verbose_name='task'),
                ),
                migrations.AlterField(
                    model_name='message',
                    name='template',
                    field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, to='analytics.mailtemplate', verbose_name='template'),
                ),
                migrations.AlterField(
                    model_name='night',
                    name='finished_at',
                    field=models.DateTimeField(null=True, verbose_name='finished at'),
                ),
                migrations.AlterField(
                    model_name='night',
                    name='started_at',
                    field=models.DateTimeField(default=django.utils.timezone.now, verbose_name='started at'),
                ),
                migrations.AlterField(
                    model_name='night',
                    name='started_by',
                    field=models.CharField(max_length=150, verbose_name='started by'),
                ),
                migrations.AlterField(
                    model_name='night',
                    name='state',
                    field=models.CharField(choices=[('running', 'Running'), ('done', 'Done'), ('warned', 'Done with warnings'), ('failed', 'Failed'), ('interrupted', 'Interrupted')], default='running', max_length=20, verbose_name='state'),
                ),
                migrations.AlterField(
                    model_name='night',
                    name='steps',
                    field=models.JSONField(default=list, verbose_name='steps'),
                ),
                migrations.AlterField(
                    model_name='playbook',
                    name='name',
                    field=models.CharField(max_length=100, unique=True, verbose_name='name'),
                ),
                migrations.AlterField(
                    model_name='playbook',
                    name='stage',
                    field=models.CharField(blank=True, choices=[('new_signup', 'New signup'), ('onboarding', 'Onboarding'), ('initial_adoption', 'Initial adoption'), ('regular_usage', 'Regular usage')], help_text='The stage that is entered.', max_length=20, verbose_name='stage'),
                ),
                migrations.AlterField(
                    model_name='playbook',
                    name='step',
                    field=models.CharField(blank=True, choices=[('welcome_email_sent', 'Welcome Email'), ('account_created', 'Account Setup'), ('github_action_installed', 'GitHub Action'), ('first_issue_tagged', 'First Issue'), ('first_pr_generated', 'First PR')], help_text='The step that is reached.', max_length=30, verbose_name='step'),
                ),
                migrations.AlterField(
                    model_name='playbookstep',
                    name='playbook',
                    field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='steps', to='analytics.playbook', verbose_name='playbook'),
                ),
                migrations.AlterField(
                    model_name='preferences',
                    name='digest_hour',
                    field=models.PositiveSmallIntegerField(blank=True, null=True, validators=[django.core.validators.MaxValueValidator(23)], verbose_name='digest hour'),
                ),
                migrations.AlterField(
                    model_name='preferences',
                    name='language',
                    field=models.CharField(blank=True, max_length=10, verbose_name='language'),
                ),
                migrations.AlterField(
                    model_name='preferences',
                    name='time_zone',
                    field=models.CharField(blank=True, max_length=64, validators=[analytics.models.preferences.validate_time_zone], verbose_name='time zone'),
                ),
                migrations.AlterField(
                    model_name='push',
                    name='changed',
                    field=models.PositiveIntegerField(default=0, verbose_name='changed'),
                ),
                migrations.AlterField(
                    model_name='push',
                    name='destination',
                    field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='pushes', to='analytics.destination', verbose_name='destination'),
                ),
                migrations.AlterField(
                    model_name='push',
                    name='erased',
                    field=models.PositiveIntegerField(default=0, verbose_name='erased'),
                ),
                migrations.AlterField(
                    model_name='push',
                    name='finished_at',
                    field=models.DateTimeField(blank=True, null=True, verbose_name='finished at'),
                ),
                migrations.AlterField(
                    model_name='push',
                    name='job',
                    field=models.JSONField(default=dict, verbose_name='job'),
                ),
                migrations.AlterField(
                    model_name='push',
                    name='new',
                    field=models.PositiveIntegerField(default=0, verbose_name='new'),
                ),
                migrations.AlterField(
                    model_name='push',
                    name='reason',
                    field=models.TextField(blank=True, verbose_name='reason'),
                ),
                migrations.AlterField(
                    model_name='push',
                    name='refused',
                    field=models.PositiveIntegerField(default=0, verbose_name='refused'),
                ),
                migrations.AlterField(
                    model_name='push',
                    name='settings',
                    field=models.CharField(help_text="SHA-256 of the destination's fields when it began.", max_length=64, verbose_name='settings'),
                ),
                migrations.AlterField(
                    model_name='push',
                    name='started_at',
                    field=models.DateTimeField(default=django.utils.timezone.now, verbose_name='started at'),
                ),
                migrations.AlterField(
                    model_name='push',
                    name='started_by',
                    field=models.CharField(max_length=150, verbose_name='started by'),
                ),
                migrations.AlterField(
                    model_name='push',
                    name='state',
                    field=models.CharField(choices=[('unfinished', 'Not finished'), ('done', 'Done'), ('abandoned', 'Given up')], default='unfinished', max_length=20, verbose_name='state'),
                ),
                migrations.AlterField(
                    model_name='push',
                    name='unchanged',
                    field=models.PositiveIntegerField(default=0, verbose_name='unchanged'),
                ),
                migrations.AlterField(
                    model_name='push',
                    name='undoes',
                    field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='undone_by', to='analytics.push', verbose_name='undoes'),
                ),
                migrations.AlterField(
                    model_name='recommendationrule',
                    name='active',
                    field=models.BooleanField(default=True, verbose_name='active'),
                ),
                migrations.AlterField(
                    model_name='recommendationrule',
                    name='condition',
                    field=models.CharField(choices=[('blocked_on_permissions', 'Blocked on GitHub or permissions'), ('blocked', 'Blocked on anything'), ('issues_without_pr', 'Issues tagged, but no PR generated'), ('at_risk', 'Status is At risk'), ('needs_attention', 'Status is Needs attention'), ('healthy', 'Status is Healthy'), ('champion', 'Status is Champion'), ('inactive', 'Status is Inactive'), ('declining', 'Activity trend is Declining'), ('score_below', 'Score below N'), ('silent', 'No activity for N days'), ('no_first_pr', 'No first PR N days after signup')], max_length=40, verbose_name='condition'),
                ),
                migrations.AlterField(
                    model_name='recommendationrule',
                    name='kind',
                    field=models.CharField(choices=[('call', 'Call'), ('email', 'Email'), ('documentation', 'Documentation'), ('resources', 'Resources'), ('check_in', 'Check-in'), ('features', 'Advanced features'), ('testimonial', 'Testimonial'), ('expansion', 'Expansion'), ('contact', 'Confirm the contact'), ('other', 'Something else')], max_length=20, verbose_name='kind'),
                ),
                migrations.AlterField(
                    model_name='report',
                    name='format',
                    field=models.CharField(choices=[('csv', 'CSV'), ('xlsx', 'Excel')], default='xlsx', max_length=4, verbose_name='format'),
                ),
                migrations.AlterField(
                    model_name='report',
                    name='name',
                    field=models.CharField(max_length=100, verbose_name='name'),
                ),
                migrations.AlterField(
                    model_name='report',
                    name='owner',
                    field=models.ForeignKey(blank=True, null=True, on_delete=analytics.models.reports.keep_shared, related_name='%(class)ss', to=settings.AUTH_USER_MODEL, verbose_name='owner'),
                ),
                migrations.AlterField(
                    model_name='report',
                    name='recipients',
                    field=models.ManyToManyField(blank=True, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='recipients'),
                ),
                migrations.AlterField(
                    model_name='report',
                    name='schedule',
                    field=models.CharField(blank=True, choices=[('', 'Not mailed'), ('daily', 'Every day'), ('weekly', 'Mondays'), ('monthly', 'The first of the month')], default='', max_length=10, verbose_name='schedule'),
                ),
                migrations.AlterField(
                    model_name='scoringpolicy',
                    name='cohorts',
                    field=models.JSONField(blank=True, default=list, help_text='Customers of other cohorts keep their policy.', verbose_name='cohorts'),
                ),
                migrations.AlterField(
                    model_name='scoringpolicy',
                    name='name',
                    field=models.CharField(max_length=100, unique=True, verbose_name='name'),
                ),
                migrations.AlterField(
                    model_name='scoringpolicy',
                    name='stages',
                    field=models.JSONField(blank=True, default=list, help_text='Customers in other stages keep their policy.', verbose_name='stages'),
                ),
                migrations.AlterField(
                    model_name='task',
                    name='due',
                    field=models.DateField(verbose_name='due'),
                ),
                migrations.AlterField(
                    model_name='task',
                    name='kind',
                    field=models.CharField(choices=[('call', 'Call'), ('email', 'Email'), ('documentation', 'Documentation'), ('resources', 'Resources'), ('check_in', 'Check-in'), ('features', 'Advanced features'), ('testimonial', 'Testimonial'), ('expansion', 'Expansion'), ('contact', 'Confirm the contact'), ('other', 'Something else')], default='other', max_length=20, verbose_name='kind'),
                ),
                migrations.AlterField(
                    model_name='task',
                    name='note',
                    field=models.TextField(blank=True, verbose_name='note'),
                ),
                migrations.AlterField(
                    model_name='task',
                    name='outcome_note',
                    field=models.TextField(blank=True, verbose_name='outcome note'),
                ),
                migrations.AlterField(
                    model_name='task',
                    name='owner',
                    field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='tasks', to=settings.AUTH_USER_MODEL, verbose_name='owner'),
                ),
                migrations.AlterField(
                    model_name='webhookdelivery',
                    name='claimed_at',
                    field=models.DateTimeField(null=True, verbose_name='claimed at'),
                ),
                migrations.AlterField(
                    model_name='webhookdelivery',
                    name='event',
                    field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='analytics.webhookevent', verbose_name='event'),
                ),
                migrations.AlterField(
                    model_name='webhookdelivery',
                    name='state',
                    field=models.CharField(choices=[('waiting', 'Waiting'), ('claimed', 'Being sent'), ('sent', 'Delivered'), ('failed', 'Failed')], default='waiting', max_length=10, verbose_name='state'),
                ),
                migrations.AlterField(
                    model_name='webhookendpoint',
                    name='cohort',
                    field=models.CharField(blank=True, max_length=100, verbose_name='cohort'),
                ),
                migrations.AlterField(
                    model_name='webhookendpoint',
                    name='name',
                    field=models.CharField(help_text='What receives the events, such as “Slack bridge”.', max_length=100, verbose_name='name'),
                ),
                migrations.AlterField(
                    model_name='webhookendpoint',
                    name='owner',
                    field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='owner'),
                ),
            ],
        ),
    ]
