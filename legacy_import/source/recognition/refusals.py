"""What is said of an old database in which something is missing or undecided, and how to go on."""

from collections.abc import Mapping, Sequence

from legacy_import.source.errors import SourceError
from legacy_import.source.recognition.candidates import Candidate
from legacy_import.source.schema import CANONICAL_TABLES, USER, CanonicalTable
from legacy_import.source.wording import listed

MEANINGS = {
    "username": "the name of a user",
    "author_id": "the author of a message",
    "text": "the text of a message",
    "pub_date": "the date of a message",
    "who_id": "who follows",
    "whom_id": "who is followed",
}


def unclear_follows(candidate: Candidate, label: str) -> str:
    """Say which table may hold the follows, whose columns do not tell it."""
    table = candidate.found
    columns = listed(column.name for column in table.columns)
    return (
        f"{label} has no table whose columns tell who follows whom, so no follows are imported. If it is "
        f"{table.name} ({columns}), choose its columns on the page of the import, or with "
        f"--map follower.who_id={table.name}.COLUMN --map follower.whom_id={table.name}.COLUMN."
    )


def missing_table(canonical: CanonicalTable, candidates: Sequence[Candidate], label: str) -> SourceError:
    have = listed(sorted(candidate.found.name for candidate in candidates)) or "none at all"
    so_it_is_none = ", so it is not the database of a MiniTwit" if canonical is USER else ""
    return SourceError(
        "missing_table",
        f"{label} has no table {canonical.name}, nor one that looks like {canonical.rows} under another "
        f"name{so_it_is_none}. Its tables: {have}. If one of them holds the {canonical.rows}, say "
        f"which one (on the page of the import, or with --map {canonical.name}=TABLE).",
    )


def missing_column(candidate: Candidate, label: str) -> SourceError:
    canonical, table, column = candidate.canonical, candidate.found, candidate.missing[0]
    mapping = " ".join(f"--map {canonical.name}.{missing}={table.name}.COLUMN" for missing in candidate.missing)
    columns = listed(found.name for found in table.columns) or "none"
    leave_out = f"; --map {canonical.name}= leaves the {canonical.rows} out" if canonical.is_optional else ""
    hashes = [found.name for found in table.columns if found.hashes and found.only_for_passwords]
    refused = f" What looks like passwords ({listed(hashes)}) is read as nothing else." if hashes else ""
    return SourceError(
        "missing_column",
        f"The table {table.name} in {label} has no column {column} ({MEANINGS[column]}), nor one that looks like it "
        f"under another name. Its columns: {columns}. If one of them is meant, say which one (on the page of the "
        f"import, or with {mapping}{leave_out}).{refused}",
    )


def misfit(sentence: str) -> SourceError:
    return SourceError("bad_mapping", f"This mapping cannot be used. {sentence}")


def undecided_tables(undecided: Mapping[str, list[str]], counted: Mapping[str, int], label: str) -> str:
    """Say which tables staff have to choose from, with their rows as far as they were counted."""

    def shown(table: str) -> str:
        rows = counted.get(table)
        return table if rows is None else f"{table} with {rows:,} row{'' if rows == 1 else 's'}"

    lines = [f"{CANONICAL_TABLES[name].rows} ({listed(map(shown, tables))})" for name, tables in undecided.items()]
    return f"{label} has several tables that could hold the {' and the '.join(lines)}."
