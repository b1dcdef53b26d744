"""Templates that stand in place of those of a package: an upgrade of the package has to tell what changed in them."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import django.contrib.admin
import grappelli
import grappelli.dashboard
import import_export

from tests.backoffice.site_walk import UPDATE

TABLE = Path(__file__).with_name("replaced_templates.json")
APPS = Path(__file__).parents[2]
OWN_FOLDERS = [APPS / app / "templates" for app in ("backoffice", "MiniTwit", "legacy_import")]
# In the order in which Django looks for a template.
PACKAGES = [
    Path(str(package.__file__)).parent / "templates"
    for package in (grappelli.dashboard, grappelli, import_export, django.contrib.admin)
]
# What may not be in a page: the content security policy forbids it.
FORBIDDEN = ("<style", 'style="', "onclick=", "onchange=", "onload=", "javascript:")


def replaced() -> dict[str, str]:
    """The hash of each template of a package that one of ours replaces."""
    found = {}
    for folder in OWN_FOLDERS:
        for own in sorted(folder.rglob("*.html")):
            name = str(own.relative_to(folder))
            original = next((package / name for package in PACKAGES if (package / name).exists()), None)
            if original:
                found[name] = hashlib.sha256(original.read_bytes()).hexdigest()
    return found


def test_the_templates_that_ours_replace_are_those_that_ours_were_compared_with() -> None:
    """Compare one that differs with ours, take over what matters, and write the table anew: UPDATE_TABLES=1."""
    if UPDATE:
        TABLE.write_text(json.dumps(replaced(), indent=2, sort_keys=True) + "\n")
    assert replaced() == json.loads(TABLE.read_text())


def own_templates() -> Iterator[Path]:
    for folder in OWN_FOLDERS:
        yield from folder.rglob("*.html")


def test_no_template_of_ours_holds_a_script_or_a_style() -> None:
    faults = {
        str(path.relative_to(APPS)): word
        for path in own_templates()
        for word in FORBIDDEN
        if word in path.read_text()
    }
    assert faults == {}


def test_no_style_sheet_but_the_theme_names_a_colour_or_a_size_of_letters() -> None:
    sheets = [path for path in APPS.glob("*/static/*/*.css") if path.name != "theme.css" and "var" not in path.parts]
    assert len(sheets) > 3
    lines = [f"{path.name}: {line.strip()}" for path in sheets for line in path.read_text().splitlines()]
    assert [line for line in lines if "#" in line.split("/*")[0].partition("{")[2]] == []
    assert [line for line in lines if "font-size" in line and "var(" not in line.split("font-size")[1][:8]] == []
