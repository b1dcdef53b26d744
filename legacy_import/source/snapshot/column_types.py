"""What SQLite stores the types of PostgreSQL and MySQL as: INTEGER, NUMERIC, TEXT or BLOB."""

POSTGRESQL_INTEGERS = frozenset({"int2", "int4", "int8", "oid", "bool"})
POSTGRESQL_NUMBERS = frozenset({"numeric", "float4", "float8"})
MYSQL_INTEGERS = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint", "year", "bit"})
MYSQL_NUMBERS = frozenset({"decimal", "float", "double"})
MYSQL_BLOBS = frozenset({"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"})


def postgresql_affinity(kind: str) -> str:
    if kind in POSTGRESQL_INTEGERS:
        return "INTEGER"
    if kind in POSTGRESQL_NUMBERS:
        return "NUMERIC"
    return "BLOB" if kind == "bytea" else "TEXT"


def mysql_affinity(kind: str) -> str:
    if kind in MYSQL_INTEGERS:
        return "INTEGER"
    if kind in MYSQL_NUMBERS:
        return "NUMERIC"
    return "BLOB" if kind in MYSQL_BLOBS else "TEXT"
