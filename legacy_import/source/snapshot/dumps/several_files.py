"""Several dumps in one archive: a schema and its rows, a file for each table, or more than one old database."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from legacy_import.source.errors import SourceError
from legacy_import.source.snapshot.archives import Unpacked, several_databases
from legacy_import.source.snapshot.dumps.declarations import CREATE
from legacy_import.source.snapshot.dumps.dialects import DIALECTS
from legacy_import.source.snapshot.dumps.insert_statements import names_in, rows_head
from legacy_import.source.snapshot.dumps.loading import Part
from legacy_import.source.snapshot.dumps.sql_splitter import SQLITE, StatementReader
from legacy_import.source.snapshot.file_types import Kind, encoding_of, read_head


@dataclass
class Contents:
    """What a dump holds.

    Attributes:
        makes: the names of tables that it makes. fills: of those into which it puts rows.
    """

    file: Unpacked
    makes: set[str] = field(default_factory=set)
    fills: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class OneDatabase:
    """The files of which one old database consists.

    Attributes:
        ignored: the names of those that were not needed.
    """

    kind: Kind
    files: list[Unpacked]
    ignored: list[str]

    def parts(self, label: str) -> list[Part]:
        if len(self.files) == 1:
            return [Part(self.files[0].path, label, self.files[0].name)]
        return [Part(file.path, f"{label} ({file.name})", file.name) for file in self.files]


def put_together(files: Sequence[Unpacked], label: str) -> OneDatabase:
    """Find out which dumps belong together, and in which order they are loaded: schemas first.

    Raises:
        SourceError: they are more than one old database.
    """
    contents = [look_into(file) for file in files]
    servers = {each.file.kind for each in contents if each.file.kind is not Kind.DUMP}
    rows = [each for each in contents if each.fills]
    made = [name for each in rows for name in each.makes]
    schemas = [each for each in contents if not each.fills and each.makes - set(made)]
    needed = [*schemas, *sorted(rows, key=lambda each: not each.makes)]
    all_made = [name for each in needed for name in each.makes]
    filled_elsewhere = [name for each in rows for name in each.fills - each.makes if name in made]
    if len(servers) > 1 or len(all_made) > len(set(all_made)) or filled_elsewhere:
        raise several_databases([each.file.name for each in contents if each.makes or each.fills], label)
    kept = needed or contents[:1]
    return OneDatabase(
        kind=servers.pop() if servers else Kind.DUMP,
        files=[each.file for each in kept],
        ignored=[each.file.name for each in contents if each not in kept],
    )


def look_into(file: Unpacked) -> Contents:
    """Read which tables a dump makes and fills, as far as it can be read; loading it says what is wrong with it."""
    contents = Contents(file)
    dialect = DIALECTS.get(file.kind)
    encoding = encoding_of(read_head(file.path, file.name))
    with file.path.open(encoding=encoding, errors="replace", newline="") as text:
        try:
            for statement in StatementReader(text, file.name, dialect.splitter if dialect else SQLITE):
                if made := CREATE.match(statement.text):
                    contents.makes.add(names_in(made["table"])[-1].lower())
                elif head := rows_head(statement.text):
                    contents.fills.add(head.table.lower())
        except SourceError:
            return contents
    return contents
