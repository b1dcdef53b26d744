"""Old databases that are damaged, or made to do harm: more than a thousand, always the same ones."""

from tests.legacy_import.hostile import (
    archives,
    csv_files,
    damage,
    dumps,
    foreign_dumps,
    paths,
    schemas,
    side_tables,
    values,
    wals,
)
from tests.legacy_import.hostile.catalogue import KINDS, HostileFile, files_of

__all__ = [
    "KINDS",
    "HostileFile",
    "archives",
    "csv_files",
    "damage",
    "dumps",
    "files_of",
    "foreign_dumps",
    "paths",
    "schemas",
    "side_tables",
    "values",
    "wals",
]
