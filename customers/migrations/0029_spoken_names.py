"""Each name of a model and a column is declared, so that it can be translated; no table changes."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import customers.text.fold
from customers.state_only import StateOnly


class Migration(migrations.Migration):

    dependencies = [
        ('customers', '0028_provider_identity'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        StateOnly(
            state_operations=[
                migrations.AlterModelOptions(
                    name='apitoken',
                    options={'default_permissions': ('add', 'change', 'view'), 'ordering': ['-pk'], 'verbose_name': 'API token', 'verbose_name_plural': 'API tokens'},
                ),
                migrations.AlterModelOptions(
                    name='batch',
                    options={'default_permissions': ('view',), 'ordering': ['-received_at', '-pk'], 'verbose_name': 'batch', 'verbose_name_plural': 'batches'},
                ),
                migrations.AlterModelOptions(
                    name='customer',
                    options={'ordering': [customers.text.fold.Fold('organization'), 'pk'], 'permissions': [('export_customer', "Can export customers' data"), ('erase_customer', 'Can erase a customer for good')], 'verbose_name': 'customer', 'verbose_name_plural': 'customers'},
                ),
                migrations.AlterModelOptions(
                    name='customercare',
                    options={'verbose_name': 'assignment', 'verbose_name_plural': 'assignments'},
                ),
                migrations.AlterModelOptions(
                    name='engagement',
                    options={'ordering': ['-date', 'pk'], 'verbose_name': 'engagement', 'verbose_name_plural': 'engagement'},
                ),
                migrations.AlterModelOptions(
                    name='erasure',
                    options={'default_permissions': ('view',), 'ordering': ['-pk'], 'verbose_name': 'erasure', 'verbose_name_plural': 'erasures'},
                ),
                migrations.AlterModelOptions(
                    name='event',
                    options={'ordering': ['-date', 'pk'], 'verbose_name': 'event', 'verbose_name_plural': 'events'},
                ),
                migrations.AlterModelOptions(
                    name='feedback',
                    options={'ordering': ['-date', 'pk'], 'verbose_name': 'feedback', 'verbose_name_plural': 'feedback'},
                ),
                migrations.AlterModelOptions(
                    name='fix',
                    options={'ordering': ['pk'], 'verbose_name': 'fix', 'verbose_name_plural': 'fixes'},
                ),
                migrations.AlterModelOptions(
                    name='formsubmission',
                    options={'default_permissions': (), 'ordering': ['-pk'], 'verbose_name': 'form submission', 'verbose_name_plural': 'form submissions'},
                ),
                migrations.AlterModelOptions(
                    name='importrun',
                    options={'ordering': ['-pk'], 'permissions': [('undo_importrun', 'Can undo an import'), ('upload_importrun', 'Can upload files')], 'verbose_name': 'import run', 'verbose_name_plural': 'import runs'},
                ),
                migrations.AlterModelOptions(
                    name='inboxevent',
                    options={'default_permissions': ('view',), 'ordering': ['-pk'], 'verbose_name': 'inbox event', 'verbose_name_plural': 'inbox events'},
                ),
                migrations.AlterModelOptions(
                    name='keychange',
                    options={'default_permissions': ('view',), 'ordering': ['-pk'], 'permissions': [('join_customer', 'Can say that two customers are the same')], 'verbose_name': 'key change', 'verbose_name_plural': 'key changes'},
                ),
                migrations.AlterModelOptions(
                    name='note',
                    options={'ordering': ['-pk'], 'verbose_name': 'note', 'verbose_name_plural': 'notes'},
                ),
                migrations.AlterModelOptions(
                    name='onboarding',
                    options={'ordering': ['pk'], 'verbose_name': 'onboarding', 'verbose_name_plural': 'onboarding'},
                ),
                migrations.AlterModelOptions(
                    name='opensession',
                    options={'default_permissions': (), 'ordering': ['-seen', '-pk'], 'verbose_name': 'open session', 'verbose_name_plural': 'open sessions'},
                ),
                migrations.AlterModelOptions(
                    name='provideridentity',
                    options={'default_permissions': (), 'verbose_name': 'provider identity', 'verbose_name_plural': 'provider identities'},
                ),
                migrations.AlterModelOptions(
                    name='quarantinedrow',
                    options={'ordering': ['-run', 'line'], 'permissions': [('fix_quarantinedrow', 'Can fix and replay quarantined rows')], 'verbose_name': 'quarantined row', 'verbose_name_plural': 'quarantined rows'},
                ),
                migrations.AlterModelOptions(
                    name='rowchange',
                    options={'ordering': ['run', 'model', 'key'], 'verbose_name': 'row change', 'verbose_name_plural': 'row changes'},
                ),
                migrations.AlterModelOptions(
                    name='serviceaccount',
                    options={'default_permissions': (), 'verbose_name': 'service account', 'verbose_name_plural': 'service accounts'},
                ),
                migrations.AlterModelOptions(
                    name='stepsighting',
                    options={'ordering': ['pk'], 'verbose_name': 'step sighting', 'verbose_name_plural': 'step sightings'},
                ),
                migrations.AlterModelOptions(
                    name='upload',
                    options={'default_permissions': (), 'ordering': ['-pk'], 'verbose_name': 'upload', 'verbose_name_plural': 'uploads'},
                ),
                migrations.AlterField(
                    model_name='apitoken',
                    name='made_by',
                    field=models.CharField(blank=True, editable=False, max_length=150, verbose_name='made by'),
                ),
                migrations.AlterField(
                    model_name='apitoken',
                    name='name',
                    field=models.CharField(max_length=100, verbose_name='name'),
                ),
                migrations.AlterField(
                    model_name='apitoken',
                    name='revoked_by',
                    field=models.CharField(blank=True, editable=False, max_length=150, verbose_name='revoked by'),
                ),
                migrations.AlterField(
                    model_name='auditentry',
                    name='action',
                    field=models.CharField(choices=[('add', 'Added'), ('change', 'Changed'), ('delete', 'Deleted'), ('rights', 'Permissions changed'), ('login', 'Logged in'), ('logout', 'Logged out'), ('login_failed', 'Login failed'), ('upload', 'Upload'), ('import', 'Import'), ('replay', 'Replay'), ('undo', 'Undo'), ('fix', 'Row fixed'), ('export', 'Export'), ('mail', 'Email'), ('command', 'Command'), ('erase', 'Erased')], max_length=20, verbose_name='action'),
                ),
                migrations.AlterField(
                    model_name='batch',
                    name='entries',
                    field=models.PositiveIntegerField(default=0, verbose_name='entries'),
                ),
                migrations.AlterField(
                    model_name='batch',
                    name='feed',
                    field=models.CharField(blank=True, choices=[('customers', 'Customers'), ('onboarding', 'Onboarding'), ('engagement', 'Engagement'), ('feedback', 'Feedback'), ('events', 'Events')], max_length=20, verbose_name='feed'),
                ),
                migrations.AlterField(
                    model_name='batch',
                    name='idempotency_key',
                    field=models.CharField(blank=True, max_length=255, verbose_name='idempotency key'),
                ),
                migrations.AlterField(
                    model_name='batch',
                    name='kind',
                    field=models.CharField(choices=[('events', 'Events'), ('rows', 'Rows')], default='events', max_length=10, verbose_name='kind'),
                ),
                migrations.AlterField(
                    model_name='batch',
                    name='run',
                    field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='customers.importrun', verbose_name='run'),
                ),
                migrations.AlterField(
                    model_name='batch',
                    name='states',
                    field=models.JSONField(default=list, verbose_name='states'),
                ),
                migrations.AlterField(
                    model_name='batch',
                    name='token',
                    field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='customers.apitoken', verbose_name='token'),
                ),
                migrations.AlterField(
                    model_name='customer',
                    name='cohort',
                    field=models.CharField(blank=True, max_length=100, verbose_name='cohort'),
                ),
                migrations.AlterField(
                    model_name='customer',
                    name='industry',
                    field=models.CharField(blank=True, max_length=100, verbose_name='industry'),
                ),
                migrations.AlterField(
                    model_name='customer',
                    name='line',
                    field=models.PositiveIntegerField(editable=False, verbose_name='line'),
                ),
                migrations.AlterField(
                    model_name='customer',
                    name='missing_since',
                    field=models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='customers.importrun', verbose_name='missing since'),
                ),
                migrations.AlterField(
                    model_name='customer',
                    name='organization',
                    field=models.CharField(max_length=200, verbose_name='organization'),
                ),
                migrations.AlterField(
                    model_name='customer',
                    name='signup_date',
                    field=models.DateField(verbose_name='signup date'),
                ),
                migrations.AlterField(
                    model_name='customer',
                    name='team_size',
                    field=models.PositiveIntegerField(blank=True, null=True, verbose_name='team size'),
                ),
                migrations.AlterField(
                    model_name='customercare',
                    name='customer',
                    field=models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='care', serialize=False, to='customers.customer', verbose_name='customer'),
                ),
                migrations.AlterField(
                    model_name='customercare',
                    name='do_not_contact',
                    field=models.BooleanField(default=False, help_text='Nobody can write to this customer from here.', verbose_name='do not contact'),
                ),
                migrations.AlterField(
                    model_name='customercare',
                    name='do_not_sync',
                    field=models.BooleanField(default=False, help_text='This customer is never pushed to a CRM.', verbose_name='do not sync'),
                ),
                migrations.AlterField(
                    model_name='customercare',
                    name='owner',
                    field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='customers_in_care', to=settings.AUTH_USER_MODEL, verbose_name='owner'),
                ),
                migrations.AlterField(
                    model_name='engagement',
                    name='customer',
                    field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='customers.customer', verbose_name='customer'),
                ),
                migrations.AlterField(
                    model_name='engagement',
                    name='date',
                    field=models.DateField(verbose_name='date'),
                ),
                migrations.AlterField(
                    model_name='engagement',
                    name='issues_tagged',
                    field=models.PositiveIntegerField(default=0, verbose_name='issues tagged'),
                ),
                migrations.AlterField(
                    model_name='engagement',
                    name='line',
                    field=models.PositiveIntegerField(editable=False, verbose_name='line'),
                ),
                migrations.AlterField(
                    model_name='engagement',
                    name='support_requests',
                    field=models.PositiveIntegerField(default=0, verbose_name='support requests'),
                ),
                migrations.AlterField(
                    model_name='erasure',
                    name='erased_at',
                    field=models.DateTimeField(default=django.utils.timezone.now, verbose_name='erased at'),
                ),
                migrations.AlterField(
                    model_name='erasure',
                    name='erased_by',
                    field=models.CharField(max_length=150, verbose_name='erased by'),
                ),
                migrations.AlterField(
                    model_name='erasure',
                    name='state',
                    field=models.CharField(choices=[('files', 'Files are still to be redacted'), ('done', 'Done')], default='files', max_length=10, verbose_name='state'),
                ),
                migrations.AlterField(
                    model_name='event',
                    name='customer',
                    field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='customers.customer', verbose_name='customer'),
                ),
                migrations.AlterField(
                    model_name='event',
                    name='date',
                    field=models.DateField(verbose_name='date'),
                ),
                migrations.AlterField(
                    model_name='event',
                    name='detail',
                    field=models.TextField(blank=True, verbose_name='detail'),
                ),
                migrations.AlterField(
                    model_name='event',
                    name='kind',
                    field=models.CharField(choices=[('welcome_email_sent', 'Welcome email sent'), ('account_created', 'Created account'), ('github_action_installed', 'Installed GitHub Action'), ('first_issue_tagged', 'Tagged first issue'), ('first_pr_generated', 'First PR generated'), ('support_request', 'Support request'), ('note', 'Note')], max_length=30, verbose_name='kind'),
                ),
                migrations.AlterField(
                    model_name='event',
                    name='line',
                    field=models.PositiveIntegerField(editable=False, verbose_name='line'),
                ),
                migrations.AlterField(
                    model_name='feedback',
                    name='comment',
                    field=models.TextField(blank=True, verbose_name='comment'),
                ),
                migrations.AlterField(
                    model_name='feedback',
                    name='customer',
                    field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='customers.customer', verbose_name='customer'),
                ),
                migrations.AlterField(
                    model_name='feedback',
                    name='date',
                    field=models.DateField(verbose_name='date'),
                ),
                migrations.AlterField(
                    model_name='feedback',
                    name='line',
                    field=models.PositiveIntegerField(editable=False, verbose_name='line'),
                ),
                migrations.AlterField(
                    model_name='fix',
                    name='feed',
                    field=models.CharField(choices=[('customers', 'Customers'), ('onboarding', 'Onboarding'), ('engagement', 'Engagement'), ('feedback', 'Feedback'), ('events', 'Events')], max_length=20, verbose_name='feed'),
                ),
                migrations.AlterField(
                    model_name='fix',
                    name='made_at',
                    field=models.DateTimeField(default=django.utils.timezone.now, verbose_name='made at'),
                ),
                migrations.AlterField(
                    model_name='fix',
                    name='made_by',
                    field=models.CharField(max_length=150, verbose_name='made by'),
                ),
                migrations.AlterField(
                    model_name='importrun',
                    name='created',
                    field=models.PositiveIntegerField(default=0, verbose_name='created'),
                ),
                migrations.AlterField(
                    model_name='importrun',
                    name='deleted',
                    field=models.PositiveIntegerField(default=0, verbose_name='deleted'),
                ),
                migrations.AlterField(
                    model_name='importrun',
                    name='feed',
                    field=models.CharField(choices=[('customers', 'Customers'), ('onboarding', 'Onboarding'), ('engagement', 'Engagement'), ('feedback', 'Feedback'), ('events', 'Events')], max_length=20, verbose_name='feed'),
                ),
                migrations.AlterField(
                    model_name='importrun',
                    name='finished_at',
                    field=models.DateTimeField(null=True, verbose_name='finished at'),
                ),
                migrations.AlterField(
                    model_name='importrun',
                    name='forced_by',
                    field=models.CharField(blank=True, max_length=150, verbose_name='forced by'),
                ),
                migrations.AlterField(
                    model_name='importrun',
                    name='quarantined',
                    field=models.PositiveIntegerField(default=0, verbose_name='quarantined'),
                ),
                migrations.AlterField(
                    model_name='importrun',
                    name='reason',
                    field=models.TextField(blank=True, verbose_name='reason'),
                ),
                migrations.AlterField(
                    model_name='importrun',
                    name='retried',
                    field=models.PositiveIntegerField(default=0, verbose_name='retried'),
                ),
                migrations.AlterField(
                    model_name='importrun',
                    name='rows',
                    field=models.PositiveIntegerField(default=0, verbose_name='rows'),
                ),
                migrations.AlterField(
                    model_name='importrun',
                    name='started_at',
                    field=models.DateTimeField(default=django.utils.timezone.now, verbose_name='started at'),
                ),
                migrations.AlterField(
                    model_name='importrun',
                    name='started_by',
                    field=models.CharField(max_length=150, verbose_name='started by'),
                ),
                migrations.AlterField(
                    model_name='importrun',
                    name='status',
                    field=models.CharField(choices=[('running', 'Running'), ('loaded', 'Loaded'), ('refused', 'Refused'), ('failed', 'Failed'), ('interrupted', 'Interrupted')], default='running', max_length=20, verbose_name='status'),
                ),
                migrations.AlterField(
                    model_name='importrun',
                    name='unchanged',
                    field=models.PositiveIntegerField(default=0, verbose_name='unchanged'),
                ),
                migrations.AlterField(
                    model_name='importrun',
                    name='undoes',
                    field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='customers.importrun', verbose_name='undoes'),
                ),
                migrations.AlterField(
                    model_name='importrun',
                    name='undone_by',
                    field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='customers.importrun', verbose_name='undone by'),
                ),
                migrations.AlterField(
                    model_name='importrun',
                    name='updated',
                    field=models.PositiveIntegerField(default=0, verbose_name='updated'),
                ),
                migrations.AlterField(
                    model_name='importrun',
                    name='warnings',
                    field=models.JSONField(default=list, verbose_name='warnings'),
                ),
                migrations.AlterField(
                    model_name='inboxevent',
                    name='reason',
                    field=models.TextField(blank=True, verbose_name='reason'),
                ),
                migrations.AlterField(
                    model_name='inboxevent',
                    name='state',
                    field=models.CharField(choices=[('waiting', 'Waiting'), ('loaded', 'Loaded'), ('unchanged', 'Unchanged'), ('superseded', 'In a file already'), ('duplicate', 'Duplicate'), ('quarantined', 'Quarantined'), ('refused', 'Refused'), ('invalid', 'Invalid')], default='waiting', max_length=12, verbose_name='state'),
                ),
                migrations.AlterField(
                    model_name='keychange',
                    name='decided_at',
                    field=models.DateTimeField(blank=True, null=True, verbose_name='decided at'),
                ),
                migrations.AlterField(
                    model_name='keychange',
                    name='decided_by',
                    field=models.CharField(blank=True, max_length=150, verbose_name='decided by'),
                ),
                migrations.AlterField(
                    model_name='keychange',
                    name='noticed_at',
                    field=models.DateTimeField(default=django.utils.timezone.now, verbose_name='noticed at'),
                ),
                migrations.AlterField(
                    model_name='keychange',
                    name='run',
                    field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='customers.importrun', verbose_name='run'),
                ),
                migrations.AlterField(
                    model_name='keychange',
                    name='state',
                    field=models.CharField(choices=[('open', 'Not decided'), ('joined', 'The same customer'), ('apart', 'Two customers')], default='open', max_length=10, verbose_name='state'),
                ),
                migrations.AlterField(
                    model_name='note',
                    name='author',
                    field=models.CharField(max_length=301, verbose_name='author'),
                ),
                migrations.AlterField(
                    model_name='note',
                    name='created_at',
                    field=models.DateTimeField(default=django.utils.timezone.now, verbose_name='created at'),
                ),
                migrations.AlterField(
                    model_name='note',
                    name='customer',
                    field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='notes', to='customers.customer', verbose_name='customer'),
                ),
                migrations.AlterField(
                    model_name='note',
                    name='kind',
                    field=models.CharField(choices=[('note', 'Note'), ('call', 'Call'), ('meeting', 'Meeting')], default='note', max_length=10, verbose_name='kind'),
                ),
                migrations.AlterField(
                    model_name='note',
                    name='text',
                    field=models.TextField(max_length=2000, verbose_name='text'),
                ),
                migrations.AlterField(
                    model_name='onboarding',
                    name='account_created',
                    field=models.BooleanField(default=False, verbose_name='account created'),
                ),
                migrations.AlterField(
                    model_name='onboarding',
                    name='blocker_type',
                    field=models.CharField(blank=True, max_length=100, verbose_name='blocker type'),
                ),
                migrations.AlterField(
                    model_name='onboarding',
                    name='completed_date',
                    field=models.DateField(blank=True, null=True, verbose_name='completed date'),
                ),
                migrations.AlterField(
                    model_name='onboarding',
                    name='customer',
                    field=models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='onboarding', to='customers.customer', verbose_name='customer'),
                ),
                migrations.AlterField(
                    model_name='onboarding',
                    name='days_to_complete',
                    field=models.IntegerField(blank=True, null=True, verbose_name='days to complete'),
                ),
                migrations.AlterField(
                    model_name='onboarding',
                    name='first_issue_tagged',
                    field=models.BooleanField(default=False, verbose_name='first issue tagged'),
                ),
                migrations.AlterField(
                    model_name='onboarding',
                    name='first_pr_generated',
                    field=models.BooleanField(default=False, verbose_name='first pr generated'),
                ),
                migrations.AlterField(
                    model_name='onboarding',
                    name='github_action_installed',
                    field=models.BooleanField(default=False, verbose_name='github action installed'),
                ),
                migrations.AlterField(
                    model_name='onboarding',
                    name='line',
                    field=models.PositiveIntegerField(editable=False, verbose_name='line'),
                ),
                migrations.AlterField(
                    model_name='onboarding',
                    name='missing_since',
                    field=models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='customers.importrun', verbose_name='missing since'),
                ),
                migrations.AlterField(
                    model_name='onboarding',
                    name='notes',
                    field=models.TextField(blank=True, verbose_name='notes'),
                ),
                migrations.AlterField(
                    model_name='onboarding',
                    name='welcome_email_sent',
                    field=models.BooleanField(default=False, verbose_name='welcome email sent'),
                ),
                migrations.AlterField(
                    model_name='quarantinedrow',
                    name='feed',
                    field=models.CharField(choices=[('customers', 'Customers'), ('onboarding', 'Onboarding'), ('engagement', 'Engagement'), ('feedback', 'Feedback'), ('events', 'Events')], max_length=20, verbose_name='feed'),
                ),
                migrations.AlterField(
                    model_name='quarantinedrow',
                    name='line',
                    field=models.PositiveIntegerField(verbose_name='line'),
                ),
                migrations.AlterField(
                    model_name='quarantinedrow',
                    name='resolved_by',
                    field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='customers.importrun', verbose_name='resolved by'),
                ),
                migrations.AlterField(
                    model_name='quarantinedrow',
                    name='run',
                    field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='quarantined_rows', to='customers.importrun', verbose_name='run'),
                ),
                migrations.AlterField(
                    model_name='quarantinedrow',
                    name='status',
                    field=models.CharField(choices=[('open', 'Open'), ('loaded', 'Resolved'), ('superseded', 'Replaced'), ('rejected', 'Rejected')], default='open', max_length=20, verbose_name='status'),
                ),
                migrations.AlterField(
                    model_name='quarantinedrow',
                    name='waits_for_customer',
                    field=models.BooleanField(default=False, verbose_name='waits for customer'),
                ),
            ],
        ),
    ]
