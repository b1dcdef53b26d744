"""What an old database holds of users, messages and follows, and what will happen to each: told before any import."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from legacy_import.source.recognition.matching import Recognition
from legacy_import.source.recognition.refusals import undecided_tables
from legacy_import.source.schema import CANONICAL_TABLES, TableDescription
from MiniTwit.json_records import JsonRecord


@dataclass(frozen=True)
class TableOutlook(JsonRecord):
    """What an old database holds of one canonical table.

    Attributes:
        holds: users, messages or follows. table: in which table; empty if in none. columns: which are read.
        rows: how many; None if no table is read.
        sentence: what will happen to them.
        is_open: whether they can be imported as they are read.
    """

    holds: str
    table: str
    columns: list[str]
    rows: int | None
    sentence: str
    is_open: bool


def outlooks(
    recognition: Recognition, tables: Mapping[str, TableDescription], required: Collection[str], label: str
) -> Iterator[TableOutlook]:
    """Say for each canonical table what the old database holds of it.

    Args:
        tables: those that were recognised and can be read. required: those that this import reads.
    """
    for name, canonical in CANONICAL_TABLES.items():
        mapping, warnings = recognition.tables.get(name), recognition.warnings.get(name, [])
        if name in recognition.refused or mapping is None or name not in tables:
            refusal = recognition.refused.get(name, f"They are not read from {label}.")
            yield TableOutlook(canonical.rows, "", [], None, refusal, is_open=False)
            continue
        sentence = "This import brings them." if name in required else "They can be imported after the users."
        if not mapping.table:
            sentence = " ".join(warnings)
        elif name in recognition.undecided and name not in required:
            choice = undecided_tables({name: recognition.undecided[name]}, recognition.counted, label)
            sentence = f"{choice} Their import asks which, or takes --map {name}={mapping.table}."
        elif warnings and name not in required:
            sentence = " ".join(warnings)
        yield TableOutlook(
            canonical.rows,
            mapping.table,
            [mapping.columns[column] for column in canonical.columns if mapping.columns.get(column)],
            tables[name].rows if mapping.table else None,
            sentence,
            is_open=name in required or not mapping.table or not (warnings or name in recognition.undecided),
        )
