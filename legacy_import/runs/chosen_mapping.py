"""Which mapping a run uses: the one it was asked for, the one that was chosen before, or what is recognised.

A choice is remembered for the old database it was made for: by the place it is read from, and for an upload by the
names of its tables and columns, so that a newer copy finds it again.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from legacy_import.errors import RunError
from legacy_import.models import ImportRun
from legacy_import.rules.old_tables import TABLES_OF_KIND, names_of_kind
from legacy_import.runs.records import Choices
from legacy_import.source import Reference, SourceError
from legacy_import.source.recognition.known_names import best_likeness
from legacy_import.source.recognition.mapping import (
    TableMapping,
    TableMappings,
    mappings_from_json,
    schema_fingerprint,
)
from legacy_import.source.recognition.matching import Recognition, recognise
from legacy_import.source.recognition.outlook import TableOutlook
from legacy_import.source.recognition.refusals import undecided_tables
from legacy_import.source.recognition.row_queries import RowQueries
from legacy_import.source.recognition.table_profile import FoundTable
from legacy_import.source.recognition.wishes import can_be_met
from legacy_import.source.record import MappingChoice, SourceRecord
from legacy_import.source.schema import CANONICAL_TABLES, HIDDEN_COLUMN, USER
from legacy_import.tables import Models
from legacy_import.verify import CANONICAL_LAYOUT, OldTable
from MiniTwit.database.clock import database_time
from MiniTwit.models import User

# What is kept with a run of the tables found: enough to choose from, whatever the file holds.
OFFERED_TABLES, OFFERED_COLUMNS, LONGEST_NAME = 30, 40, 100
MOST_EXAMPLES = 3  # of what can be written on the command line


def chooser(
    run: ImportRun, reference: Reference, required: Sequence[str], users_run: ImportRun | None, models: Models
) -> Callable[[Sequence[FoundTable], RowQueries], Recognition]:
    """Return the function that chooses, for a source of this run, which table and column feeds what.

    It also writes on the run what there was to choose from, and remembers what was asked for.

    Args:
        required: the canonical tables that the old database must have.
        users_run: for messages, the import of their users, whose mapping of the users is used again.
    """

    def choose(found: Sequence[FoundTable], rows: RowQueries) -> Recognition:
        key = f"schema:{schema_fingerprint(found)}" if reference.uploaded else reference.key("")
        run.source = replace(SourceRecord.from_json(run.source), mapping_key=key).as_json()
        asked_for = Choices.from_json(run.options).mapping
        asked = asked_for or {}
        if asked_for == {}:
            forget(models, key, run.kind)
        chosen = remembered(models, key)
        fitting = {name: wish for name, wish in chosen.items() if can_be_met(found, CANONICAL_TABLES[name], wish)}
        wishes = {**fitting, **users_as_imported(users_run, found), **asked}
        keep_found_tables(run, found, wishes)
        recognition = recognise(found, rows, label=reference.label, required=required, wishes=wishes)
        keep_found_tables(run, found, recognition.tables)
        if any(name in required and name not in fitting and name not in asked for name in chosen):
            recognition.warnings[required[0]].append(
                "This old database no longer has the tables that were chosen for it before, or not with those "
                "columns; its tables were recognised again."
            )
        used = {name: recognition.tables[name] for name in asked}
        remember(models, key, used, run.created_by_id, run.created_by_name)
        hide_passwords(models, key, used)
        choice = choice_of(models, key, run.kind)
        run.source = replace(SourceRecord.from_json(run.source), mapping_choice=choice).as_json()
        if recognition.undecided_of(required) and run.origin != ImportRun.Origin.ADMIN:
            raise undecided_on_the_command_line(recognition, required, reference.label)
        return recognition

    return choose


def users_as_imported(users_run: ImportRun | None, found: Sequence[FoundTable]) -> dict[str, TableMapping]:
    """The mapping of the users that a messages import rests on, if the old database still has those tables."""
    used = SourceRecord.from_json(users_run.source).mapping if users_run else {}
    if USER.name not in used:
        return {}
    wish = with_what_is_left_out(USER.name, used[USER.name])
    return {USER.name: wish} if can_be_met(found, USER, wish) else {}


def with_what_is_left_out(name: str, mapping: TableMapping) -> TableMapping:
    """A mapping as a wish that leaves nothing to be recognised: what no column feeds stays without one."""
    columns = {column: mapping.columns.get(column, "") for column in CANONICAL_TABLES[name].columns if mapping.table}
    return TableMapping(mapping.table, columns)


def undecided_on_the_command_line(recognition: Recognition, required: Sequence[str], label: str) -> SourceError:
    undecided = recognition.undecided_of(required)
    question = undecided_tables(undecided, recognition.counted, label)
    examples = " or ".join(
        f"--map {name}={table}" for name, tables in undecided.items() for table in tables[:MOST_EXAMPLES]
    )
    return SourceError(
        "undecided_mapping",
        f"{question} Say which with {examples}; import_legacy remembers it for this old database, as it does what is "
        "chosen on the page of the import.",
    )


def keep_found_tables(run: ImportRun, found: Sequence[FoundTable], used: TableMappings) -> None:
    """Write on the run what staff can choose from, at once, so that they can even if the run is refused.

    Args:
        used: the mapping of the run, or what is known of it. All that it uses is offered.
    """
    columns_used: dict[str, set[str]] = defaultdict(set)
    for mapping in used.values():
        columns_used[mapping.table] |= set(mapping.columns.values())
    passwords = password_column(used)

    def interest(table: FoundTable) -> tuple[bool, int, str]:
        return table.name not in columns_used, -best_likeness(table.name), table.name

    offered = [
        table
        for table in found
        if table.name in columns_used or (len(table.columns) > 1 and len(table.name) <= LONGEST_NAME)
    ]
    run.old_tables = [
        without_samples(offered_table(table, columns_used[table.name]), passwords).as_json()
        for table in sorted(offered, key=interest)[:OFFERED_TABLES]
    ]
    run.save(update_fields=["old_tables"])


def password_column(mappings: TableMappings) -> tuple[str, str]:
    """The table and the column that the passwords are read from; empty names where there are none."""
    user = mappings.get(USER.name, TableMapping(""))
    return user.table, user.columns.get(HIDDEN_COLUMN, "")


def without_samples(table: FoundTable, passwords: tuple[str, str]) -> FoundTable:
    """A table without the samples of the column of passwords, whatever that one is called and holds."""
    columns = [
        replace(column, samples=[], secret=True) if (table.name, column.name) == passwords else column
        for column in table.columns
    ]
    return replace(table, columns=columns)


def hide_passwords(models: Models, key: str, mappings: TableMappings) -> None:
    """Take the samples of what is now known to be passwords out of the runs of an old database that show them."""
    passwords = password_column(mappings)
    if not all(passwords):
        return
    for run in models.run.objects.filter(source__mapping_key=key).only("old_tables"):
        found = [FoundTable.from_json(table) for table in run.old_tables]
        hidden = [without_samples(table, passwords) for table in found]
        if hidden != found:
            models.run.objects.filter(pk=run.pk).update(old_tables=[table.as_json() for table in hidden])


def offered_table(table: FoundTable, used: Collection[str]) -> FoundTable:
    """A table with the columns that staff can choose: those in use, and so many others."""
    others = [column for column in table.columns if column.name not in used and len(column.name) <= LONGEST_NAME]
    kept = {*used, *(column.name for column in others[: max(0, OFFERED_COLUMNS - len(used))])}
    return replace(table, columns=[column for column in table.columns if column.name in kept], computed=[])


def remembered(models: Models, key: str) -> dict[str, TableMapping]:
    """What was chosen for an old database, by canonical table."""
    choices = models.mapping.objects.filter(source_key=key).values_list("old_table", "mapping")
    return mappings_from_json(dict(choices))


def remember(models: Models, key: str, chosen: TableMappings, actor_id: int | None, actor_name: str) -> None:
    """Keep what staff chose for an old database."""
    for name, mapping in chosen.items():
        models.mapping.objects.update_or_create(
            source_key=key,
            old_table=name,
            defaults={
                "mapping": with_what_is_left_out(name, mapping).as_json(),
                "chosen_at": database_time(),
                "chosen_by_id": actor_id,
                "chosen_by_name": actor_name,
            },
        )


def choose_for(run: ImportRun, mapping: TableMappings, actor: User, models: Models) -> None:
    """Remember a choice for the old database of a run that is over; an empty one is the recognised mapping."""
    key = SourceRecord.from_json(run.source).mapping_key
    if mapping:
        remember(models, key, mapping, actor.pk, actor.get_username())
    else:
        forget(models, key, run.kind)


def forget(models: Models, key: str, kind: str) -> None:
    """Go back to what is recognised."""
    models.mapping.objects.filter(source_key=key, old_table__in=names_of_kind(kind)).delete()


def choice_of(models: Models, key: str, kind: str) -> MappingChoice | None:
    """Who chose the mapping of the tables of a kind, and when; None if it is not chosen."""
    chosen = models.mapping.objects.filter(source_key=key, old_table__in=names_of_kind(kind))
    newest = chosen.order_by("-chosen_at").first()
    return MappingChoice(newest.chosen_by_name, newest.chosen_at.isoformat()) if newest else None


def check_choice(run: ImportRun, models: Models) -> None:
    """Raise RunError if another mapping was chosen for the old database since the run was previewed."""
    source = SourceRecord.from_json(run.source)
    before, now = source.mapping_choice, choice_of(models, source.mapping_key, run.kind)
    if (before and before.at) != (now and now.at):
        by = f"{now.by} chose another mapping for" if now else "the mapping that had been chosen was dropped for"
        raise RunError(
            "mapping_changed",
            f"Import {run.pk} cannot be confirmed: since its preview {by} this old database. Make a new preview.",
        )


def check_decided(run: ImportRun) -> None:
    """Raise RunError if staff have yet to say which tables are meant."""
    source = SourceRecord.from_json(run.source)
    if source.undecided:
        question = undecided_tables(source.undecided, source.counted, source.label)
        raise RunError(
            "undecided_mapping",
            f"Import {run.pk} cannot be confirmed: {question} Choose the tables in the preview, and make a new "
            "preview with them.",
        )


def outlooks_shown(run: ImportRun) -> list[TableOutlook]:
    """What an import of users says of the whole old database, before and after it."""
    return SourceRecord.from_json(run.source).outlook if run.kind == ImportRun.Kind.USERS else []


def layout_imported(reference: Reference) -> dict[str, OldTable]:
    """What the tables of an old database were called when they were imported: that very database, or the last one."""
    mapping: dict[str, TableMapping] = {}
    for kind in TABLES_OF_KIND:
        applied = ImportRun.objects.filter(kind=kind, state=ImportRun.State.APPLIED).only("source").order_by("-id")
        run = applied.filter(source_key=reference.key("")).first() or applied.first()
        seen = SourceRecord.from_json(run.source).mapping if run else {}
        # The tables that an import read count for more than those that it only saw.
        mapping = {**seen, **mapping, **{name: seen[name] for name in names_of_kind(kind) if name in seen}}
    missing = {} if not mapping else {name: OldTable("", ()) for name in CANONICAL_LAYOUT if name not in mapping}
    return layout_of(mapping) | missing


def layout_of(mapping: TableMappings) -> dict[str, OldTable]:
    """A run's mapping as the verification reads it; canonical names where it says nothing."""
    mapped = {
        name: OldTable(table.table, table.in_order(CANONICAL_TABLES[name]) if table.table else ())
        for name, table in mapping.items()
    }
    return {**CANONICAL_LAYOUT, **mapped}
