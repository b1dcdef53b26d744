"""What may follow a first import: the same file once more, a file of which a hundredth is new or changed, and undo.

    python -m benchmarks.again

undoes the newest import of messages that was applied in the configured database, as the worker does for the button,
and prints how many rows went.
"""

import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import django

# Of the messages one in 200 is changed, and as many are new, by the same authors.
CHANGES = """
UPDATE message SET text = text || '!' WHERE message_id % 200 = 0;
INSERT INTO message
SELECT message_id + (SELECT max(message_id) FROM message), author_id, text || '?', pub_date, flagged FROM message
WHERE message_id % 200 = 1;
"""


def changed(source: Path) -> Path:
    """Return a copy of an old database in which a hundredth of the messages is new or changed."""
    path = source.with_name(f"{source.stem}_changed.db")
    if not path.exists():
        unfinished = path.with_suffix(".part")
        shutil.copyfile(source, unfinished)
        with closing(sqlite3.connect(unfinished)) as connection:
            connection.executescript(CHANGES)
        unfinished.rename(path)
    return path


def expected(messages: int) -> tuple[int, int]:
    """How many messages of the copy are new and how many are changed, of so many with the ids from 1 on."""
    return (messages + 199) // 200, messages // 200


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backoffice.settings")
    django.setup()
    from legacy_import.models import ImportRun
    from legacy_import.runs.foreground import undo_at_once
    from legacy_import.tables import CURRENT

    newest = ImportRun.objects.filter(kind="messages", state=ImportRun.State.APPLIED).latest("pk")
    print(json.dumps(undo_at_once(newest.pk, CURRENT).undo_result))


if __name__ == "__main__":
    main()
