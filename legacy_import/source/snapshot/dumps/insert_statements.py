"""What an INSERT or a COPY of a dump says before its rows, and what kinds of values its first row has."""

import re
from dataclasses import dataclass, replace

# Atomic groups, `(?>(?:…)*)`, and not `(?:…)*+`: of the latter Python before 3.11.5 matches too little.
NAME = r"""(?:[^\W\d][\w$]*+|"(?>(?:[^"]|"")*)"|`(?>(?:[^`]|``)*)`|\[[^\]]*+\])"""
SPACE = r"(?>(?:\s|--[^\n]*\n|\#[^\n]*\n|/\*(?>(?:[^*]|\*(?!/))*)\*/)*)"
DOTTED = rf"{NAME}(?>(?:{SPACE}\.{SPACE}{NAME})*)"
INSERT = re.compile(
    rf"{SPACE}(?:INSERT|REPLACE)\b(?>(?:\s+(?:OR\s+)?(?:IGNORE|REPLACE|ABORT|FAIL|ROLLBACK|LOW_PRIORITY|DELAYED"
    rf"|HIGH_PRIORITY))*)(?:\s+INTO)?{SPACE}(?P<table>{DOTTED}){SPACE}"
    rf"(?:\((?P<columns>{SPACE}{NAME}(?>(?:{SPACE},{SPACE}{NAME})*){SPACE})\){SPACE})?"
    rf"(?:OVERRIDING\s+(?:SYSTEM|USER)\s+VALUE{SPACE})?VALUES?{SPACE}",
    re.IGNORECASE,
)
INTO = re.compile(rf"{SPACE}(?:INSERT|REPLACE)\b[\w\s]*?\bINTO{SPACE}(?P<table>{DOTTED})", re.IGNORECASE)
COPY = re.compile(
    rf"{SPACE}COPY\s+(?P<table>{DOTTED}){SPACE}"
    rf"(?:\((?P<columns>{SPACE}{NAME}(?>(?:{SPACE},{SPACE}{NAME})*){SPACE})\){SPACE})?"
    r"FROM\s+(?P<source>\S+?)(?P<options>\s[^;]*)?;?\s*$",
    re.IGNORECASE,
)
EACH_NAME = re.compile(rf"--[^\n]*\n|\#[^\n]*\n|/\*(?>(?:[^*]|\*(?!/))*)\*/|({NAME})")
# A part of a row: a text, a comment, a mark, or what is between them.
PART = re.compile(
    r"""(?P<text>'(?>(?:[^']|'')*)'|"(?>(?:[^"]|"")*)")|--[^\n]*|/\*(?>(?:[^*]|\*(?!/))*)\*/|(?P<mark>[(),])|(?P<word>[^\s'"(),]+)"""
)
MOST_VALUES = 100  # of a row whose values tell its columns
NUMBER = re.compile(r"[+-]?\d+(\.\d*)?(e[+-]?\d+)?", re.IGNORECASE)


@dataclass(frozen=True)
class RowsHead:
    """What an INSERT or a COPY says before its rows.

    Attributes:
        table: its name. schema: what was before the name, if anything.
        columns: the names of the columns; none if it names none.
        end: the place in the text at which the rows begin.
        is_plain: whether the rows are there, in the usual form.
    """

    schema: str
    table: str
    columns: tuple[str, ...]
    end: int
    is_plain: bool = True


def insert_head(text: str) -> RowsHead | None:
    """Read the beginning of an INSERT; None if it is no plain one, with VALUES."""
    found = INSERT.match(text)
    return head_of(found) if found else None


def rows_head(text: str) -> RowsHead | None:
    """Read the beginning of any INSERT or COPY; None if it is neither."""
    if found := INSERT.match(text):
        return head_of(found)
    if found := COPY.match(text):
        is_plain = found["source"].lower() == "stdin" and not (found["options"] or "").strip()
        return replace(head_of(found), is_plain=is_plain)
    if found := INTO.match(text):
        *schema, table = names_in(found["table"])
        return RowsHead(".".join(schema), table, (), found.end(), is_plain=False)
    return None


def head_of(found: re.Match[str]) -> RowsHead:
    *schema, table = names_in(found["table"])
    return RowsHead(".".join(schema), table, tuple(names_in(found["columns"] or "")), found.end())


def names_in(text: str) -> list[str]:
    """The names in a list, without their quotes; what is in comments is none."""
    return [unquoted(found[1]) for found in EACH_NAME.finditer(text) if found[1]]


def unquoted(name: str) -> str:
    """A name without its quotes, as SQLite can store it."""
    mark = name[:1]
    if mark == "[":
        name = name[1:-1]
    elif mark in ('"', "`") and mark:
        name = name[1:-1].replace(mark * 2, mark)
    return name.replace("\0", "").encode("utf-8", "replace").decode()


def kinds_of_values(text: str, start: int) -> list[str]:
    """The kinds of the values of the row at a place: text, number, null or other; empty if it is not a whole row."""
    kinds: list[str] = []
    depth, kind = 0, ""
    for part in PART.finditer(text, start):
        mark = part["mark"]
        if mark == "(":
            depth += 1
            kind = "other" if depth > 1 else ""
        elif mark == ")":
            depth -= 1
            if not depth:
                return [*kinds, kind]
        elif mark == "," and depth == 1:
            kinds.append(kind)
            kind = ""
            if len(kinds) > MOST_VALUES:
                return []
        elif not depth:
            return []
        elif part["text"] or part["word"]:
            kind = "other" if kind else kind_of(part)
    return []


def kind_of(part: re.Match[str]) -> str:
    if part["text"]:
        return "text"
    word = part["word"]
    if NUMBER.fullmatch(word):
        return "number"
    return "null" if word.upper() == "NULL" else "other"
