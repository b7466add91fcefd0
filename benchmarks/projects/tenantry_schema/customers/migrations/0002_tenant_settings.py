"""Tenants may have values of their own for settings."""

import tenantry.catalog.fields
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("customers", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="tenant",
            name="settings",
            field=tenantry.catalog.fields.SettingsField(
                blank=True,
                default=dict,
                help_text="Its own values of settings that TENANTRY['SETTINGS'] declares.",
            ),
        ),
    ]
