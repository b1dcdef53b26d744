"""Find out from PostgreSQL's own code why the database refused or ended a statement, and what to do next.

An error class covers many causes: Django raises OperationalError for a deadlock, a full disk and a server that
restarts. The five letters of SQLSTATE tell them apart in every language of the server's messages.
"""

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Self

import django.db
import psycopg2


class FailureKind(StrEnum):
    """Why a statement failed. The values are names that logs and error codes may use.

    Attributes:
        codes: SQLSTATEs; one of two letters means its whole class.
        happened: one sentence for staff.
        advice: what to do next.
    """

    codes: tuple[str, ...]
    happened: str
    advice: str

    DEADLOCK = (
        "deadlock",
        ("40P01",),
        "Two changes waited for each other, and the database ended this one.",
        "Try again.",
    )
    SERIALIZATION = (
        "serialization",
        ("40001",),
        "Another change of the same rows came first.",
        "Try again.",
    )
    LOCK_TIMEOUT = (
        "lock_timeout",
        ("55P03",),
        "Other work on the same rows or tables did not end in time.",
        "Try again when it has ended.",
    )
    # A statement_timeout and a cancel request share one code. `time_limit` tells them apart by the clock and raises
    # TimeLimitError.
    QUERY_CANCELED = (
        "query_canceled",
        ("57014",),
        "The database cancelled this work: a time limit passed, or an administrator asked for it.",
        "Try again. If it is cancelled again, ask your administrator for the limits of the database.",
    )
    IDLE_IN_TRANSACTION = (
        "idle_in_transaction",
        ("25P03", "25P04", "57P05"),
        "The database ended the connection because a time limit for transactions or sessions passed.",
        "Try again. If it happens again, ask your administrator for the limits of the database.",
    )
    SERVER_RESTARTING = (
        "server_restarting",
        ("57P01", "57P02", "57P03"),
        "The database server is being restarted, or it ended this connection.",
        "Try again in a minute.",
    )
    CONNECTION_LOST = (
        "connection_lost",
        ("08",),
        "The database server cannot be reached, or the connection to it broke.",
        "Try again in a minute. If that does not help, your administrator checks that the server runs and that "
        "DATABASE_URL is right.",
    )
    TOO_MANY_CONNECTIONS = (
        "too_many_connections",
        ("53300",),
        "The database server has no free connection.",
        "Try again in a minute. If it happens often, your administrator raises max_connections of the server, or the "
        "connection limit of the role or the database.",
    )
    ACCESS_REFUSED = (
        "access_refused",
        ("28", "3D000", "57P04"),
        "The database server refused the connection: the role, its password or the database is wrong.",
        "Your administrator checks DATABASE_URL and the server's pg_hba.conf.",
    )
    DISK_FULL = (
        "disk_full",
        ("53100",),
        "The disk of the database server is full.",
        "Your administrator makes room on it; then try again.",
    )
    OUT_OF_MEMORY = (
        "out_of_memory",
        ("53200", "53000", "53400"),
        "The database server is out of memory, or of another resource.",
        "Try again when less work runs on it. If it happens again, your administrator looks into the server's log.",
    )
    STORAGE_FAILED = (
        "storage_failed",
        ("58", "XX001", "XX002"),
        "The database server cannot read or write its own files.",
        "Your administrator looks into the server's log and checks its disks.",
    )
    READ_ONLY = (
        "read_only",
        ("25006",),
        "The database takes no changes now: it is a standby server, or the role or the database is set to read-only.",
        "Your administrator lets DATABASE_URL name the primary server, and resets default_transaction_read_only.",
    )
    INSUFFICIENT_PRIVILEGE = (
        "insufficient_privilege",
        ("42501",),
        "The role of the back office lacks a right in the database.",
        "Your administrator grants it; docs/operating.md lists the rights that the role needs.",
    )
    TABLES_MISSING = (
        "tables_missing",
        ("3F000", "42P01"),
        "A table of the back office is not found in the database.",
        "Your administrator runs `python manage.py migrate`; if the tables exist, the search_path of the role or of "
        "the database leads past them.",
    )
    DATA_ERROR = (
        "data_error",
        ("22",),
        "The database cannot take one of the values: it is too long, too large or has a wrong form.",
        "Correct the value, then try again.",
    )

    def __new__(cls, value: str, codes: tuple[str, ...] = (), happened: str = "", advice: str = "") -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.codes, member.happened, member.advice = codes, happened, advice
        return member

    @property
    def sentences(self) -> str:
        return f"{self.happened} {self.advice}"

    @property
    def error_code(self) -> str:
        """The code, for scripts, of work that the database ended."""
        if self in BUSY:
            return "database_busy"
        return "database_unavailable" if self in UNAVAILABLE else f"database_{self}"


KINDS = {code: kind for kind in FailureKind for code in kind.codes}

# Another attempt of the same work may succeed at once.
BUSY = frozenset({FailureKind.DEADLOCK, FailureKind.SERIALIZATION, FailureKind.LOCK_TIMEOUT})
# The connection is of no use any more, or was never made; a new one may succeed after a while.
UNAVAILABLE = frozenset(
    {
        FailureKind.IDLE_IN_TRANSACTION,
        FailureKind.SERVER_RESTARTING,
        FailureKind.CONNECTION_LOST,
        FailureKind.TOO_MANY_CONNECTIONS,
        FailureKind.ACCESS_REFUSED,
    }
)

# What a server answers to a new connection comes without its code: libpq keeps only the words. In other languages
# than English they are not recognised, and the kind is CONNECTION_LOST.
WORDS_OF_REFUSED_CONNECTIONS = {
    FailureKind.TOO_MANY_CONNECTIONS: re.compile(
        r"too many (clients|connections)|connection slots are reserved|no more connections allowed"
    ),
    FailureKind.SERVER_RESTARTING: re.compile(
        r"database system is (starting up|shutting down|in recovery|not (yet )?accepting)"
    ),
    FailureKind.ACCESS_REFUSED: re.compile(
        r"authentication failed|no pg_hba\.conf entry|no password supplied|not permitted to log in"
        r"|(role|database) .* does not exist|permission denied for database"
    ),
}


# What a statement can raise. (Django passes the driver's own error on where closing a cursor fails as well.)
ERRORS = (django.db.Error, psycopg2.Error)


def failure_kind(error: BaseException | None) -> FailureKind | None:
    """Tell why the database refused; None for an error of the program, or of another kind."""
    known = (kind for database_error in driver_errors(error) if (kind := own_kind(database_error)))
    return next(known, None)


def own_kind(error: psycopg2.Error) -> FailureKind | None:
    if code := error.pgcode:
        return KINDS.get(code) or KINDS.get(code[:2])
    if not is_about_the_connection(error):
        return None
    refusals = WORDS_OF_REFUSED_CONNECTIONS.items()
    return next((kind for kind, pattern in refusals if pattern.search(str(error))), FailureKind.CONNECTION_LOST)


def explain(error: BaseException | None) -> str | None:
    """Sentences for staff about an error: what happened, and what to do next. None where `failure_kind` is None."""
    kind = failure_kind(error)
    return None if kind is None else kind.sentences


def is_busy(error: BaseException | None) -> bool:
    """Whether a retry may succeed at once."""
    return failure_kind(error) in BUSY


def is_unavailable(error: BaseException | None) -> bool:
    """Whether the server ended or refused the connection."""
    return failure_kind(error) in UNAVAILABLE


def server_words(error: BaseException | None) -> str:
    """PostgreSQL's own message in one line, for the log or for technical details; it may quote values."""
    errors = sorted(driver_errors(error), key=lambda database_error: own_kind(database_error) is None)
    return " ".join((errors[0].diag.message_primary or str(errors[0])).split()) if errors else ""


def driver_errors(error: BaseException | None) -> Iterator[psycopg2.Error]:
    """The driver's errors in the chain of causes of an error."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:  # `raise error from error` leads to itself
        seen.add(id(error))
        following = error.__cause__
        if isinstance(error, psycopg2.Error):
            yield error
            # Django closes the cursor of a statement that failed, which fails again.
            following = following or error.__context__
        error = following


def is_about_the_connection(error: psycopg2.Error) -> bool:
    """Whether an error without a code says that there is no connection (any more)."""
    if isinstance(error, psycopg2.InterfaceError):
        return "closed" in str(error)  # the driver says so of the connection, or of a cursor of that connection
    return isinstance(error, psycopg2.OperationalError) or type(error) is psycopg2.DatabaseError
