"""Whether messages may be imported: the users of the same old database must have come first.

The same database is the same path; for an upload, the same file, or a copy that shares its users.
"""

from dataclasses import dataclass
from typing import Any

from django.db import connection
from psycopg2 import sql

from legacy_import.errors import RunError
from legacy_import.source import Reference
from legacy_import.tables import Models, table_of

# Of the file's users that are known here by id, this share must carry the same name in an upload of unknown origin.
SHARED_USERS = 0.9

SHARED = """
SELECT count(*) AS total,
    count(*) FILTER (WHERE here.id IS NOT NULL OR merged.id IS NOT NULL OR refused.id IS NOT NULL) AS known,
    count(here.id) AS here,
    count(*) FILTER (WHERE here.username = old.username OR here.changed_at IS NOT NULL) AS same,
    count(*) FILTER (WHERE here.username = old.username) AS namesakes
FROM ({users}) AS old
LEFT JOIN {user} AS here ON here.legacy_id = old.legacy_id
LEFT JOIN {merged} AS merged ON merged.legacy_id = old.legacy_id
LEFT JOIN {rejected} AS refused ON refused.run_id = {users_run} AND refused."table" = 'user'
    AND refused.position = old.position
"""


@dataclass(frozen=True)
class SharedUsers:
    """How the users of an old database stand to those here.

    Attributes:
        total: users in the old table. known: those imported, merged or refused here.
        here: those with an account of the same old id here. same: those of them with the same name, or renamed here.
        namesakes: those with the same name.
    """

    total: int
    known: int
    here: int
    same: int
    namesakes: int

    @property
    def look_alike(self) -> bool:
        return self.here > 0 and self.same >= SHARED_USERS * self.here


def applied_users_runs(models: Models) -> Any:
    """The users imports that count, newest first."""
    return models.run.objects.filter(kind="users", state="applied").order_by("-id")


def users_run_before(models: Models, reference: Reference) -> Any:
    """Return the users import on which a messages import of this source may rest.

    For an upload the content decides, which `check_shared_users` looks at later.

    Raises:
        RunError: no users were imported from this database yet.
    """
    runs = applied_users_runs(models)
    run = runs.first() if reference.uploaded else runs.filter(source_key=reference.key("")).first()
    if run is None:
        raise RunError(
            "users_first",
            f"The users of {reference.label} have not been imported yet. Import its users first: messages and "
            "follows need the users' new ids.",
        )
    return run


def shared_users(users: sql.Composable, users_run_id: int, models: Models) -> SharedUsers:
    """Compare the cleaned users of the old database, which the given statement reads, with those here."""
    query = sql.SQL(SHARED).format(
        users=users,
        users_run=sql.Literal(users_run_id),
        user=table_of(models.user),
        merged=table_of(models.merged),
        rejected=table_of(models.rejected),
    )
    with connection.cursor() as cursor:
        cursor.execute(query)
        return SharedUsers(*cursor.fetchone())


def check_shared_users(shared: SharedUsers, users_run: Any, source: dict[str, Any]) -> list[str]:
    """Refuse an upload that is of another database; return what the preview has to say of a changed one.

    Raises:
        RunError: the upload's users are not the ones that were imported.
    """
    same_file = source["sha256"] == users_run.source.get("sha256")
    if source["uploaded"] and not same_file and not shared.look_alike:
        raise RunError(
            "other_database",
            f"{source['label']} is not the database whose users were imported (import {users_run.pk}, "
            f"{users_run.source.get('label')}): {shared.here:,} of its {shared.total:,} users have their old id "
            f"here, and {shared.same:,} of those the same name. Import its users first.",
        )
    warnings = []
    if not same_file:
        warnings.append(f"The database has changed since its users were imported (import {users_run.pk}).")
    if later := shared.total - shared.known:
        warnings.append(
            f"{later:,} of its {shared.total:,} users are missing here, because they came later. What they wrote and "
            "whom they follow is rejected until the users are imported again."
        )
    return warnings
