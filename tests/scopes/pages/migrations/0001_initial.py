from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.CreateModel(
            "Page",
            [
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "name",
                    models.CharField(
                        max_length=200,
                        unique=True,
                        help_text="As views name it: 'shop/home.html'.",
                    ),
                ),
                ("content", models.TextField(blank=True)),
                (
                    "changed_at",
                    models.DateTimeField(auto_now=True, db_index=True, editable=False),
                ),
            ],
            options={"ordering": ("name",), "abstract": False},
        ),
    ]
