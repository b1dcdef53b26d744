"""Open an old database safely and stream its rows. Knows files and SQL, no Django model."""

from legacy_import.sources.errors import SourceError
from legacy_import.sources.reference import SourceReference, configured_source, source_at
from legacy_import.sources.schema import CANONICAL_COLUMNS, TableDescription
from legacy_import.sources.sqlite import SQLiteSource
from legacy_import.sources.values import LegacyRow, StoredReal

__all__ = [
    "CANONICAL_COLUMNS",
    "LegacyRow",
    "SQLiteSource",
    "SourceError",
    "SourceReference",
    "StoredReal",
    "TableDescription",
    "configured_source",
    "source_at",
]
