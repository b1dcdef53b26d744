"""Rows as an import would have brought them, and what a verification found."""

import base64
from datetime import UTC, datetime
from typing import Any

from legacy_import.verify import Verification
from MiniTwit.models import Message, User
from tests.legacy_import.old_minitwit import KEY

DJANGO_HASH = f"pbkdf2_sha256$50000$salt${base64.b64encode(KEY).decode()}"
MOMENT = datetime(2020, 2, 19, 8, 27, 18, tzinfo=UTC)


def add_user(legacy_id: int, username: str, **values: Any) -> User:
    """Put an account here as the import would."""
    return User.objects.create(
        **{"legacy_id": legacy_id, "username": username, "email": "a@example.com", "password": DJANGO_HASH} | values
    )


def add_message(legacy_id: int, author: User, **values: Any) -> Message:
    return Message.objects.create(
        **{"legacy_id": legacy_id, "author": author, "text": "hello", "pub_date": MOMENT} | values
    )


def figures(verification: Verification, table: str) -> tuple[int, ...]:
    """legacy, arrived, rejected, missing, altered"""
    return tuple(verification.tables[table].as_json().values())
