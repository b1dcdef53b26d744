"""Static files: where they are collected, and under which address they are served."""

import json
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.contrib.staticfiles.storage import StaticFilesStorage
from django.urls import get_script_prefix
from whitenoise.storage import CompressedManifestStaticFilesStorage


class UnderThePrefix:
    """Begins the addresses of files with the path of the present request, as those of pages do.

    For a relative STATIC_URL, Django takes the path of the moment in which the setting is first read.
    """

    @property
    def base_url(self) -> str:
        return get_script_prefix().rstrip("/") + settings.STATIC_URL


class PlainFiles(UnderThePrefix, StaticFilesStorage):
    """For a checkout, which serves static files from its folders."""


class HashedFiles(UnderThePrefix, CompressedManifestStaticFilesStorage):
    """For production: the content is a part of the name, so that browsers may keep a file for ever."""


def are_collected(static_root: Path) -> bool:
    """Tell whether production's static files exist and are as new as their sources."""
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
