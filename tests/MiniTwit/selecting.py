"""Rows are ticked in a list, and a decision about them is confirmed, as moderators do it."""

import re
from typing import Any

from django.test import Client

from MiniTwit.models import (
    Message,
    ModerationBatch,
)
from tests.MiniTwit.factories import make_user

MESSAGES = "/admin/MiniTwit/message/"
USERS = "/admin/MiniTwit/user/"
BATCHES = "/admin/MiniTwit/moderationbatch/"
RIGHTS = ("view_message", "view_user", "moderate_message", "moderate_user")


def many_messages(count: int, **fields: Any) -> list[Message]:
    author = make_user()
    return Message.objects.bulk_create(Message(author=author, text=f"message {n}", **fields) for n in range(count))


def select(client: Client, address: str, action: str, ids: list[int], **others: Any) -> str:
    """Tick rows of a list and choose an action; return the address of the page that asks for the reason."""
    response = client.post(address, {"action": f"{action}_selected", "_selected_action": ids, "index": 0, **others})
    assert response.status_code == 302
    return str(response["Location"])


def confirm(client: Client, page: str, **fields: Any) -> ModerationBatch:
    response = client.post(page, {"reason": "Spam", "note": "", **fields})
    assert response.status_code == 302, response.context["form"].errors
    found = re.search(r"/(\d+)/", response["Location"])
    assert found is not None
    return ModerationBatch.objects.get(pk=found[1])


def page_of(client: Client, batch: ModerationBatch) -> str:
    response = client.get(f"{BATCHES}{batch.pk}/change/")
    assert response.status_code == 200
    return str(response.content.decode())


def counts(batch: ModerationBatch) -> tuple[int, int, int, int]:
    batch.refresh_from_db()
    return batch.selected, batch.changed, batch.unchanged, batch.skipped
