"""Whether `collectstatic` has to run again."""

import json
from collections.abc import Iterator
from pathlib import Path

from django.contrib.staticfiles.finders import get_finders


def are_collected(static_root: Path) -> bool:
    """Tell whether production's static files are there and as new as those that they were made of."""
    manifest = static_root / "staticfiles.json"
    try:
        collected = set(json.loads(manifest.read_text())["paths"])
        made = manifest.stat().st_mtime
    except (OSError, ValueError, KeyError):
        return False
    return all(name in collected and path.stat().st_mtime <= made for name, path in _sources())


def _sources() -> Iterator[tuple[str, Path]]:
    for finder in get_finders():
        for name, storage in finder.list([]):
            yield name, Path(storage.path(name))
