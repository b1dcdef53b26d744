"""Load a dump of PostgreSQL (plain) or MySQL into a SQLite file of our own, without a server and without obeying it.

The dump is read twice. Keys come after the rows in many dumps, so the first time tells which tables there are; the
second time brings their rows. Every value is a literal that is read as one: nothing of the dump is executed.
"""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from legacy_import.source.snapshot.dumps.dialects import ServerDialect
from legacy_import.source.snapshot.dumps.dump_files import ServerDump
from legacy_import.source.snapshot.dumps.loading import Loading, Part
from legacy_import.source.snapshot.dumps.outline import Outline
from legacy_import.source.snapshot.dumps.rows import RowLoader
from legacy_import.source.snapshot.progress import OnProgress


def load_server_dump(
    dialect: ServerDialect, parts: Sequence[Part], target: Path, on_progress: OnProgress
) -> list[str]:
    """Load a dump into a new file, all of its parts into the same one.

    Returns:
        What staff are to be warned of.

    Raises:
        SourceError: the dump is broken, cut short, beyond the limits, or none of a MiniTwit.
    """
    size = sum(part.path.stat().st_size for part in parts)
    loading = Loading.of(parts[0].label, target, 2 * size)
    dump = ServerDump(dialect, parts, loading, on_progress)
    outline = Outline(dump)
    dump.read(outline.take)
    tables = outline.wanted()
    with closing(loading.open(target, size)) as connection:
        connection.execute("BEGIN")
        for table in tables.values():
            connection.execute(table.declaration)
        rows = RowLoader(dump, connection, tables)
        dump.read(rows.take)
        connection.execute("COMMIT")
    return [*outline.warnings(tables), *dump.doubts]
