"""Follows that an old database keeps as lists in its table of users. Stated a second time, on purpose.

The import lets SQLite take the lists apart. This module reads them with Python's own JSON.
"""

import json
from collections.abc import Iterable, Iterator

Value = None | int | float | bytes
LONGEST = 1_000_000  # characters
UNREADABLE = [None]  # a follow of nothing, which the import refuses


def follows_in(rows: Iterable[tuple[Value, ...]], list_is_second: bool) -> list[tuple[Value, ...]]:
    """The follows of all lists, sorted: place, who follows, who is followed.

    Args:
        rows: an id and a list in each, in the order of the table.
        list_is_second: whether the list says who is followed.
    """
    follows: list[tuple[Value, ...]] = []
    for own_id, stored in rows:
        for item in items_of(stored):
            ends = (own_id, item) if list_is_second else (item, own_id)
            follows.append((len(follows) + 1, *ends))
    return sorted(follows, key=lambda follow: [*map(_order, follow[1:]), follow[0]])


def items_of(stored: Value) -> Iterator[Value]:
    """Who is in a list, by an id or by a username; nothing for what is neither."""
    text = stored.decode("utf-8", "replace") if isinstance(stored, bytes) else "" if stored is None else str(stored)
    if not text:
        return
    try:
        items = UNREADABLE if len(text) > LONGEST or "\0" in text else json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        items = UNREADABLE
    if items is None:
        return
    for item in items if isinstance(items, list) else UNREADABLE:
        if isinstance(item, str):
            yield item.encode("utf-8", "replace")
        else:
            yield item if type(item) is int else None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON.")


def _order(value: Value) -> tuple[int, Value]:
    """As SQLite sorts: nothing, numbers, texts."""
    if value is None:
        return 0, 0
    return (1, value) if isinstance(value, int | float) else (2, value)
