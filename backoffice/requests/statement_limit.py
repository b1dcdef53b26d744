"""Limit the time of each statement of a web request, so that an address that asks for too much frees its thread.

A client may leave long before the database is ready. The web server's connection to PostgreSQL stays open, so
nothing else would end the statement.
"""

from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any

from django.conf import settings
from django.core.signals import request_finished
from django.db import DatabaseError, connection
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from MiniTwit.database.time_limits import told_by_the_clock

SET = "SELECT current_setting('statement_timeout'), set_config('statement_timeout', %s, false)"


class LimitStatements:
    """Middleware. The limit is set before the first statement, and holds until the answer's last line was sent."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        request_finished.connect(lift_limit, dispatch_uid="backoffice.requests.statement_limit")

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with ExitStack() as wrappers:
            if seconds := settings.WEB_STATEMENT_SECONDS:
                wrappers.enter_context(connection.execute_wrapper(Limit(seconds)))
                wrappers.enter_context(connection.execute_wrapper(told_by_the_clock(seconds)))
            return self.get_response(request)


class Limit:
    """Sets the limit before the first statement on each connection that the request uses."""

    def __init__(self, seconds: float) -> None:
        self.milliseconds = round(seconds * 1000)
        self.limited: Any = None  # the driver's connection

    def __call__(self, execute: Callable[..., Any], *arguments: Any) -> Any:
        if self.limited is not connection.connection:
            self.limited = connection.connection
            before = set_statement_timeout(str(self.milliseconds))
            connection.limited = (self.limited, before)  # type: ignore[attr-defined]
        return execute(*arguments)


def set_statement_timeout(value: str) -> str:
    """Set the limit of the connection, and return the former one. Django's cursors would count it as a query."""
    with connection.wrap_database_errors, connection.connection.cursor() as cursor:
        cursor.execute(SET, [value])
        return str(cursor.fetchone()[0])


def lift_limit(**kwargs: Any) -> None:
    """Restore the limit that the connection had before the request."""
    limited, before = getattr(connection, "limited", (None, ""))
    if limited is not None and limited is connection.connection and not limited.closed:
        with suppress(DatabaseError):  # a failed transaction takes no more statements; its end resets the limit
            set_statement_timeout(before)
    connection.limited = (None, "")  # type: ignore[attr-defined]
