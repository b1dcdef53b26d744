"""Ids of the old database that are texts, such as GUIDs: numbers represent them wherever an old id is a number.

A number is made from the text alone, so that it is the same in every import, on every page and in every search.
`legacy_import` keeps the text beside it, for people.
"""

import hashlib
import re
from collections.abc import Iterable

from django.apps import apps
from django.db.models import OuterRef, QuerySet, Subquery

# All numbers have 63 bits, so that no id which an old application counted up is among them.
LOWEST = 2**62
# What is searched for as such an id, though it may be another word as well.
LIKELY_ID = re.compile(r"(?=.*[0-9])[-.:_{}0-9A-Za-z]{8,254}")


def number_of(text: str) -> int:
    """The number that represents a text: the first 62 bits of its SHA-256, after a 1."""
    return LOWEST | int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 2


def texts_of(table: str, numbers: Iterable[int | None]) -> dict[int, str]:
    """The texts for which some old ids stand; other numbers are left out.

    Args:
        table: user or message.
    """
    wanted = [number for number in numbers if number is not None and number >= LOWEST]
    if not wanted:
        return {}
    return dict(kept_texts(table).filter(legacy_id__in=wanted).values_list("legacy_id", "text"))


def kept_texts(table: str) -> QuerySet:
    """What the import keeps; by name, because it belongs to a higher layer."""
    return apps.get_model("legacy_import", "TextId")._default_manager.filter(table=table).exclude(text="")


def with_texts(rows: QuerySet) -> QuerySet:
    """The same rows of a model, each with the text of its old id as `old_id_text`, if any row has one."""
    texts = kept_texts(str(rows.model._meta.model_name))
    if not texts.exists():
        return rows
    return rows.annotate(old_id_text=Subquery(texts.filter(legacy_id=OuterRef("legacy_id")).values("text")))


def old_id(table: str, number: int | None) -> int | str | None:
    """An old id as people know it."""
    return None if number is None else texts_of(table, [number]).get(number, number)
