"""Dataclasses whose values a column of JSON keeps, or an answer sends."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Self


class JsonRecord:
    """The base of such a dataclass. One that holds others says how those are read."""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what was kept. What is missing is as by default, and what the class does not have is left out."""
        names = (field.name for field in fields(cls))  # type: ignore[arg-type]
        return cls(**{name: data[name] for name in names if name in data})

    def as_json(self) -> dict[str, Any]:
        return {field.name: plain(getattr(self, field.name)) for field in fields(self)}  # type: ignore[arg-type]


def plain(value: Any) -> Any:
    """The value with dictionaries in place of dataclasses. (`dataclasses.asdict` copies every string as well.)"""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value
