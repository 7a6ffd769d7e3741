import django.core.validators
from django.db import migrations, models

import analytics.models.alerts


class Migration(migrations.Migration):

    dependencies = [
        ('analytics', '0022_deferral'),
    ]

    operations = [
        migrations.AddField(
            model_name='alertrule',
            name='cooldown',
            field=models.PositiveSmallIntegerField(default=0, help_text='For so many days after an alert was resolved, the rule raises no new one for that customer.', validators=[django.core.validators.MaxValueValidator(365)]),
        ),
        migrations.AddField(
            model_name='alertrule',
            name='name',
            field=models.CharField(blank=True, max_length=100),
        ),
        migrations.AddField(
            model_name='alertrule',
            name='query',
            field=models.TextField(blank=True, verbose_name='conditions'),
        ),
        migrations.AlterField(
            model_name='alert',
            name='rule',
            field=models.ForeignKey(db_index=False, null=True, on_delete=analytics.models.alerts.close_with_rule, related_name='alerts', to='analytics.alertrule'),
        ),
        migrations.AlterField(
            model_name='alertrule',
            name='kind',
            field=models.CharField(choices=[('at_risk', 'Became at risk'), ('inactive', 'Became inactive'), ('fell', 'Score fell by N points in 7 days'), ('blocked', 'Blocked for N days'), ('no_first_pr', 'No first PR N days after signup'), ('feed', 'Feed late or refused'), ('vanished', 'N or more customers vanished from the feed'), ('quarantined', 'N or more rows of a feed in quarantine'), ('custom', 'Own rule')], max_length=20),
        ),
        migrations.AddConstraint(
            model_name='alertrule',
            constraint=models.UniqueConstraint(condition=models.Q(('kind', 'custom'), _negated=True), fields=('kind',), name='alert_rule_once_a_kind'),
        ),
    ]
