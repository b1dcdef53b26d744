"""Passwords and keys are masked wherever settings, errors or log lines are shown."""

import html
import logging
import re
from collections.abc import Iterator
from urllib.parse import unquote

from django.conf import settings
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter

MASK = SafeExceptionReporterFilter.cleansed_substitute
# scheme://account:password@host. A password that holds an @ ends at the last one.
CREDENTIALS = re.compile(r"(\b[a-z][\w+.-]*://[^\s:/@]*:)[^\s/]*@", re.IGNORECASE)
SHORTEST_SECRET = 4  # a shorter one is a part of too many words to be masked outside of its address


def mask(text: str) -> str:
    """Mask the passwords in addresses, and the site's own secrets wherever they are."""
    text = CREDENTIALS.sub(rf"\1{MASK}@", text)
    for secret in sorted(set(_secrets()), key=len, reverse=True):
        if len(secret) >= SHORTEST_SECRET:
            for written in _ways_to_write(secret):
                text = text.replace(written, MASK)
    return text


def _ways_to_write(secret: str) -> set[str]:
    """As it is, in Python's source, and both in HTML."""
    plain = {secret, repr(secret)[1:-1], repr(f'"{secret}')[2:-1]}
    return plain | {html.escape(way) for way in plain}


def _secrets() -> Iterator[str]:
    yield settings.SECRET_KEY
    for database in settings.DATABASES.values():
        yield str(database.get("PASSWORD") or "")
    found = re.match(r"[^:]+://[^:/@]*:([^/]*|.*)@", settings.LEGACY_DATABASE_URL)
    if found:
        yield from (found[1], unquote(found[1]))


class MaskingFormatter(logging.Formatter):
    """Masks the whole line, with the traceback that follows it."""

    def format(self, record: logging.LogRecord) -> str:
        return mask(super().format(record))


class MaskingReporterFilter(SafeExceptionReporterFilter):
    """Hides settings that hold an address, with DEBUG as without it."""

    hidden_settings = re.compile(f"{SafeExceptionReporterFilter.hidden_settings.pattern}|_URL$|COOKIE", re.IGNORECASE)

    def is_active(self, request: HttpRequest | None) -> bool:
        return True


class MaskingExceptionReporter(ExceptionReporter):
    """The error page of DEBUG, and the mails about errors: local variables and sentences of errors hold addresses."""

    def get_traceback_html(self) -> SafeString:
        return SafeString(mask(super().get_traceback_html()))

    def get_traceback_text(self) -> SafeString:
        return SafeString(mask(super().get_traceback_text()))


def mask_setting(line: str) -> str:
    """Mask a line of `diffsettings`: a name, an equals sign and a value, with marks before and behind."""
    found = re.fullmatch(r"(.*?([A-Z][A-Z0-9_]*) = )(.*?)((?:  ###)?(?:\x1b\[0m)?)", line, re.DOTALL)
    if found and MaskingReporterFilter.hidden_settings.search(found[2]):
        return f"{found[1]}{MASK!r}{found[4]}"
    return mask(line)
