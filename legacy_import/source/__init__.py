"""Open an old database safely and stream its rows. Knows files and SQL, no Django model."""

from legacy_import.source.errors import SourceError
from legacy_import.source.location import (
    Reference,
    ServerReference,
    SourceReference,
    configured_source,
    named_source,
    source_again,
    source_at,
)
from legacy_import.source.reader import SQLiteSource
from legacy_import.source.schema import CANONICAL_TABLES, TableDescription
from legacy_import.source.snapshot import check_source
from legacy_import.source.values import LegacyRow, StoredReal

__all__ = [
    "CANONICAL_TABLES",
    "LegacyRow",
    "Reference",
    "SQLiteSource",
    "ServerReference",
    "SourceError",
    "SourceReference",
    "StoredReal",
    "TableDescription",
    "check_source",
    "configured_source",
    "named_source",
    "source_again",
    "source_at",
]
