"""Dataclasses whose values a column of JSON keeps, or an answer sends."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, Self


class JsonRecord:
    """The base of such a dataclass. One that holds others says how those are read."""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what was kept. What is missing is as by default, and what the class does not have is left out."""
        names = (field.name for field in fields(cls))  # type: ignore[arg-type]
        return cls(**{name: data[name] for name in names if name in data})

    def as_json(self) -> dict[str, Any]:
        return asdict(self)  # type: ignore[call-overload]
