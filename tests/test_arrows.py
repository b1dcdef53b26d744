"""The arrows of imports: which module may know which, read from the sources with `ast`.

Imports within functions count; those that only a type checker reads do not.
"""

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
# A package imports itself and those before it.
PACKAGES = ("MiniTwit", "legacy_import", "backoffice")
# The data migrations are where MiniTwit asks for the import.
EXCEPTIONS = {"MiniTwit.migrations.0003_migrateusers", "MiniTwit.migrations.0004_migratemessages"}
# Which rooms and root modules of legacy_import a room imports besides itself. Those that are not named as a key, such
# as the commands, are on top: they import everything, and no room but admin, which starts the tasks, imports them.
GROUND = {"models", "tables", "locks", "errors"}
ROOMS = {
    "models": set[str](),
    "tables": {"models"},
    "locks": set[str](),
    "errors": {"source"},
    "source": set[str](),  # files and SQL, no Django model
    "rules": GROUND | {"source"},
    "steps": GROUND | {"source", "rules"},
    "verify": GROUND | {"source"},  # the second statement of the rules imports no rule of the first
    "runs": GROUND | {"source", "rules", "steps", "verify"},
    "admin": GROUND | {"source", "rules", "steps", "verify", "runs", "tasks"},
}


class Arrow(NamedTuple):
    """An import: the module that has it, the module that it names, and the place."""

    importer: str
    imported: str
    place: str

    def __str__(self) -> str:
        return f"{self.place}: {self.importer} imports {self.imported}"


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))}


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """Every statement below a node, but for the blocks `if TYPE_CHECKING:`."""
    for child in ast.iter_child_nodes(node):
        for_type_checkers = isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING")
        if isinstance(child, ast.stmt | ast.excepthandler | ast.match_case) and not for_type_checkers:
            yield child
            yield from statements(child)


def named_by(statement: ast.AST) -> set[str]:
    """What an import names; `from package import name` is the module `package.name` if there is one."""
    if isinstance(statement, ast.Import):
        return {alias.name for alias in statement.names}
    if isinstance(statement, ast.ImportFrom):
        package = "." * statement.level + (statement.module or "")
        assert not package.startswith("."), f"from {package} import ...: give the whole name of the package"
        names = [f"{package}.{alias.name}" for alias in statement.names]
        return {name if name in MODULES else package for name in names}
    return set()


@cache
def arrows() -> list[Arrow]:
    return [
        Arrow(importer, imported, f"{path.relative_to(ROOT)}:{statement.lineno}")
        for importer, path in MODULES.items()
        for statement in statements(ast.parse(path.read_text()))
        for imported in sorted(named_by(statement))
        if imported in MODULES and imported != importer
    ]


def package_of(module: str) -> str:
    return module.partition(".")[0]


def room_of(module: str) -> str:
    """The room or root module of legacy_import that a module belongs to; empty for what is not in legacy_import."""
    parts = module.split(".")
    return parts[1] if parts[0] == "legacy_import" and len(parts) > 1 else ""


def assert_none(wrong: list[Arrow], rule: str) -> None:
    assert not wrong, rule + "".join(f"\n  {arrow}" for arrow in wrong)


def test_a_package_imports_only_those_before_it():
    wrong = [
        arrow
        for arrow in arrows()
        if PACKAGES.index(package_of(arrow.imported)) > PACKAGES.index(package_of(arrow.importer))
        and not (arrow.importer in EXCEPTIONS and package_of(arrow.imported) == "legacy_import")
    ]
    assert_none(wrong, f"A package imports only those before it: {' <- '.join(PACKAGES)}")


def test_a_room_of_the_import_imports_only_those_below():
    wrong = [
        arrow
        for arrow in arrows()
        if (known := ROOMS.get(room_of(arrow.importer))) is not None
        and room_of(arrow.imported) not in known | {room_of(arrow.importer), ""}
    ]
    rules = [
        f"{room} imports {', '.join(sorted(ROOMS[room])) or 'none'}"
        for room in sorted({room_of(arrow.importer) for arrow in wrong})
    ]
    assert_none(wrong, f"Of the other rooms of legacy_import, {'; '.join(rules)}")


def test_no_modules_import_each_other_in_a_circle():
    known: dict[str, set[str]] = {module: set() for module in MODULES}
    for arrow in arrows():
        known[arrow.importer].add(arrow.imported)
    try:
        TopologicalSorter(known).prepare()
    except CycleError as error:
        places = {(arrow.importer, arrow.imported): arrow for arrow in arrows()}
        circle = [places[pair] for pair in pairwise(reversed(error.args[1]))]
    else:
        circle = []
    assert_none(circle, "No module imports one that imports it, not by way of others either")
