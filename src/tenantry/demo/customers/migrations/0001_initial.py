"""The tables of tenants and domains."""

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import tenantry.catalog.fields
import tenantry.catalog.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Tenant",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                (
                    "key",
                    models.CharField(
                        help_text="Permanent identifier; names the schema, database or folder.",
                        max_length=40,
                        unique=True,
                        validators=[
                            tenantry.catalog.validators.validate_key,
                            tenantry.catalog.validators.NotReserved(),
                        ],
                    ),
                ),
                ("name", models.CharField(blank=True, max_length=200)),
                (
                    "slug",
                    models.CharField(
                        blank=True,
                        help_text="The subdomain or path prefix; the key unless given.",
                        max_length=63,
                        unique=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\A[a-z0-9]([a-z0-9-]*[a-z0-9])?\\Z",
                                "A slug is made of a-z, 0-9 and '-', and neither begins nor ends with '-': it becomes a subdomain or a path prefix.",
                            ),
                            tenantry.catalog.validators.NotReserved(),
                        ],
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        default="default",
                        help_text="Its sort: which apps and URLs it has; permanent.",
                        max_length=20,
                        validators=[tenantry.catalog.validators.validate_kind],
                    ),
                ),
                ("placement", models.CharField(default="default", max_length=40)),
                ("location", models.CharField(editable=False, max_length=200)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("provisioning", "being provisioned"),
                            ("active", "active"),
                            ("suspended", "suspended"),
                            ("maintenance", "in maintenance"),
                            ("dropping", "being dropped"),
                        ],
                        db_index=True,
                        default="provisioning",
                        max_length=20,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, editable=False
                    ),
                ),
            ],
            options={
                "ordering": ("key",),
                "abstract": False,
                "constraints": [
                    models.UniqueConstraint(
                        fields=("placement", "location"),
                        name="customers_tenant_one_location",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("key__regex", "^[a-z][a-z0-9_-]*$")),
                        name="customers_tenant_key_form",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Domain",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                ("host", tenantry.catalog.fields.HostField(max_length=253)),
                (
                    "path",
                    tenantry.catalog.fields.PathField(
                        blank=True,
                        default="",
                        help_text="Path prefix, such as '/eu'; usually empty.",
                        max_length=200,
                    ),
                ),
                ("is_primary", models.BooleanField(default=False)),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="domains",
                        to="customers.tenant",
                    ),
                ),
            ],
            options={
                "ordering": ("host", "path"),
                "abstract": False,
                "constraints": [
                    models.UniqueConstraint(
                        fields=("host", "path"), name="customers_domain_one_tenant"
                    )
                ],
            },
        ),
    ]
