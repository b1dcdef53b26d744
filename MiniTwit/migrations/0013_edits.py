"""Editing a message is a decision: its verb and its permission, and texts that can be struck out of the log."""

from django.db import migrations, models

from MiniTwit import triggers

FORMER_FUNCTION = f"""
CREATE OR REPLACE FUNCTION minitwit_keep_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF to_jsonb(NEW) - 'note' = to_jsonb(OLD) - 'note' AND NEW.note = '{triggers.ERASED_NOTE}' THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'The log of decisions cannot be changed or deleted.' USING ERRCODE = 'restrict_violation';
END
$$
"""
VERBS = [
    ("flag", "Flag"),
    ("unflag", "Unflag"),
    ("keep", "Keep"),
    ("edit", "Edit"),
    ("purge", "Purge"),
    ("suspend", "Suspend"),
    ("reinstate", "Reinstate"),
    ("warn", "Warn"),
    ("erase", "Erase"),
    ("undo", "Undo"),
]


class Migration(migrations.Migration):
    dependencies = [
        ("MiniTwit", "0012_file_import"),
    ]

    operations = [
        migrations.RunSQL(
            triggers.CREATE_LOG_FUNCTION.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"), FORMER_FUNCTION
        ),
        migrations.AlterField(
            model_name="moderationbatch", name="verb", field=models.CharField(choices=VERBS, max_length=9)
        ),
        migrations.AlterField(
            model_name="moderationevent", name="verb", field=models.CharField(choices=VERBS, max_length=9)
        ),
        migrations.AlterModelOptions(
            name="message",
            options={
                "permissions": [
                    ("import_message", "Can import messages from a file"),
                    ("export_message", "Can export messages to a file"),
                    ("moderate_message", "Can flag, unflag and keep messages"),
                    ("edit_message", "Can edit the messages of others, with a reason"),
                    ("purge_message", "Can delete messages for good"),
                ]
            },
        ),
        migrations.AddIndex(
            model_name="moderationevent",
            index=models.Index(fields=["user", "batch", "id"], name="event_user_batch"),
        ),
    ]
