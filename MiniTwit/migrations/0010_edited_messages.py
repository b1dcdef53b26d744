"""The watch-list learns which messages were edited, and the queue finds what is left of suspended accounts."""

from django.db import migrations, models

from MiniTwit import triggers


class Migration(migrations.Migration):
    dependencies = [
        ("MiniTwit", "0009_erasure"),
    ]

    operations = [
        migrations.CreateModel(
            name="EditedMessage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("message_id", models.BigIntegerField()),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.RunSQL(triggers.CREATE_EDIT_FUNCTION, triggers.DROP_EDIT_FUNCTION),
        migrations.RunSQL(triggers.CREATE_EDIT_TRIGGER, triggers.DROP_EDIT_TRIGGER),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                models.F("author"),
                models.F("pub_date"),
                models.F("id"),
                condition=models.Q(("decided_at", None)),
                name="message_author_undecided",
            ),
        ),
    ]
