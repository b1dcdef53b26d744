"""The review queue is a screen of its own."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("MiniTwit", "0007_lists"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="reviewclaim",
            options={"verbose_name": "review", "verbose_name_plural": "review queue"},
        ),
    ]
