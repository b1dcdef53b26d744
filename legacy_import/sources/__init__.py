"""Open an old database safely and stream its rows. Knows files and SQL, no Django model."""

from legacy_import.sources.errors import SourceError
from legacy_import.sources.intake import check_source
from legacy_import.sources.reference import (
    Reference,
    ServerReference,
    SourceReference,
    configured_source,
    source_again,
    source_at,
)
from legacy_import.sources.schema import CANONICAL_COLUMNS, TableDescription
from legacy_import.sources.sqlite import SQLiteSource
from legacy_import.sources.values import LegacyRow, StoredReal

__all__ = [
    "CANONICAL_COLUMNS",
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
    "source_again",
    "source_at",
]
