"""Which old table and column feeds what: the names of a particular old database beside the canonical ones."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from legacy_import.source.errors import SourceError
from legacy_import.source.recognition.table_profile import FoundTable
from legacy_import.source.schema import CANONICAL_TABLES, CanonicalTable
from MiniTwit.json_records import JsonRecord


@dataclass(frozen=True)
class TableMapping(JsonRecord):
    """What one canonical table and its columns are called in a file.

    Attributes:
        table: the name in the file; empty where the file has no such table.
        columns: canonical column -> the column in the file. A column that is not there is missing or empty. In a
            wish, a missing one is to be recognised, and an empty one is to be left out.
    """

    table: str
    columns: dict[str, str] = field(default_factory=dict)

    def in_order(self, canonical: CanonicalTable) -> tuple[str | None, ...]:
        """The actual columns in the order of the canonical ones; None where there is none."""
        return tuple(self.columns.get(column) or None for column in canonical.columns)


TableMappings = Mapping[str, TableMapping]  # by canonical table


def mappings_as_json(mappings: TableMappings) -> dict[str, Any]:
    return {name: mapping.as_json() for name, mapping in mappings.items()}


def mappings_from_json(data: Mapping[str, Any]) -> dict[str, TableMapping]:
    return {name: TableMapping.from_json(mapping) for name, mapping in data.items()}


def schema_fingerprint(found: Iterable[FoundTable]) -> str:
    """A short text that two files share when their tables and columns have the same names."""
    names = sorted((table.name, sorted(column.name for column in table.columns)) for table in found)
    return hashlib.sha256(json.dumps(names).encode()).hexdigest()


def mappings_from_words(words: Iterable[str]) -> dict[str, TableMapping]:
    """Read what was said on the command line.

    `user=people` names a table, `user.username=people.nick` (or `=nick`) a column; nothing after the sign means that
    there is none.

    Raises:
        SourceError: a word cannot be understood.
    """
    tables: dict[str, str] = {}
    columns: list[tuple[str, str, str, str]] = []
    for word in words:
        target, sign, actual = word.partition("=")
        name, dot, column = target.partition(".")
        canonical = CANONICAL_TABLES.get(name)
        if not sign or canonical is None or (dot and column not in canonical.columns):
            raise not_understood(word)
        if dot:
            columns.append((name, column, actual, word))
        else:
            tables[name] = actual
    wishes = {name: TableMapping(table) for name, table in tables.items()}
    for name, column, actual, word in columns:
        if name not in wishes:
            table, dot, actual = actual.rpartition(".")
            if not dot:
                raise not_understood(word, f"Say the table, too, e.g. --map {name}=TABLE. ")
            wishes[name] = TableMapping(table)
        table = wishes[name].table
        has_table = actual.lower().startswith(f"{table}.".lower())
        wishes[name].columns[column] = actual[len(table) + 1 :] if has_table else actual
    return wishes


def not_understood(word: str, why: str = "") -> SourceError:
    known = "; ".join(f"{table.name}: {', '.join(table.columns)}" for table in CANONICAL_TABLES.values())
    return SourceError(
        "bad_mapping",
        f"The mapping {word} cannot be understood. {why}Write it like --map user=people or "
        f"--map user.username=people.nick. What can be mapped: {known}.",
    )
