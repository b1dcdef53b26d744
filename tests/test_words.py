"""The words of the code and the documents: they name the person, the program or the thing that acts."""

import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PACKAGES = ("MiniTwit", "backoffice", "legacy_import", "benchmarks", "fixtures")
DOCUMENTS = ("docs", "README.md", "CONTRIBUTING.md", "CHANGELOG.md")
PROGRAMS = ("manage.py", "gunicorn.conf.py")

# What not to write, as a regular expression of whole words, and what to write in its place.
BANNED = {
    r"somebody|someone|anybody|anyone|everybody|everyone|nobody|no\s+one": "name them: you, users, staff, accounts",
    r"who(m|so)?ever": "name them: “users who”, “the process that”",
    r"he|him|his|himself": "a person is “you” or “they”, a program is “it”",
    r"stands|stood": "is, occurs, comes first, holds",
    r"anew": "again",
    r"at\s+it": "name the work",
    r"what\s+is\s+there": "name the rows or the files: “the existing rows”",
    r"(is|are|was|were|been|what|changed|made|born|created|kept|stored|known|taken|than)\s+here": (
        "in this application, in the target; “the existing rows”"
    ),
}
# Words that no name of the code has as a part: of `lock_patience` the parts are lock and patience.
BANNED_NAMES = {"somebody", "nobody", "everybody", "whoever", "anew", "patience", "patient"}

TEXTS = {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}  # 3.12 has the last


def whole_words(pattern: str) -> str:
    return rf"(?<![\w-])(?:{pattern})(?![\w-])"


ANY_BANNED = re.compile(whole_words("|".join(BANNED)), re.IGNORECASE)

# Where a banned word is right: the file, a part of the text around the word ("" for all of the file), and why.
ALLOWED = {
    ("fixtures/sample_small_talk.py", ""): "the people of the sample database talk as people do",
    ("legacy_import/source/snapshot/postgresql_archives.py", '"nobody"'): "the name of the system's account",
    ("fixtures/sample_quirks.py", "nobody at all"): "the username, in a row, that no account has",
}


class Finding(NamedTuple):
    """A banned word: its line, the text around it, and what to write in its place."""

    line: int
    around: str
    instead: str


def checked_files() -> list[Path]:
    paths = [ROOT / place for place in (*PACKAGES, *DOCUMENTS, *PROGRAMS)]
    files = [[path] if path.is_file() else [*path.rglob("*.py"), *path.rglob("*.md")] for path in paths]
    return sorted(file for group in files for file in group)


@cache
def is_banned_name(name: str) -> bool:
    return not BANNED_NAMES.isdisjoint(part.lower() for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name))


def without_code(markdown: str) -> str:
    """The text of a document; its lines keep their numbers."""
    return re.sub(r"```.*?```|`[^`]*`", lambda code: "\n" * code[0].count("\n"), markdown, flags=re.DOTALL)


def banned_in(line: int, text: str) -> Iterator[Finding]:
    if not ANY_BANNED.search(text):
        return
    for pattern, instead in BANNED.items():
        for match in re.finditer(whole_words(pattern), text, re.IGNORECASE):
            around = " ".join(text[max(0, match.start() - 40) : match.end() + 40].split())
            yield Finding(line + text.count("\n", 0, match.start()), around, instead)


def findings(path: Path) -> Iterator[Finding]:
    """The banned words in a document, or in the comments, strings and names of a module."""
    if path.suffix == ".md":
        yield from banned_in(1, without_code(path.read_text()))
        return
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type == tokenize.NAME and is_banned_name(token.string):
                yield Finding(token.start[0], token.string, "a usual term, such as lock_timeout")
            elif token.type in TEXTS:
                yield from banned_in(token.start[0], token.string)


def test_the_code_and_the_documents_name_who_acts() -> None:
    used, wrong = set(), []
    for path in checked_files():
        name = path.relative_to(ROOT).as_posix()
        for finding in findings(path):
            allowed = [key for key in ALLOWED if key[0] == name and key[1] in finding.around]
            used.update(allowed)
            if not allowed:
                wrong.append(f"{name}:{finding.line}: {finding.around}\n    write: {finding.instead}")
    assert not wrong, "\n".join(wrong)
    assert used == set(ALLOWED), "an exception that no file needs any more"


def test_a_banned_word_is_found_wherever_a_reader_meets_it(tmp_path: Path) -> None:
    code = tmp_path / "module.py"
    code.write_text(
        '"""Keeps what\n\nstands in the way."""\n'
        "lock_patience = 1  # whoever waits\n"
        'print(f"{count} rows are here already")\n'
        'CODES = ["changed_here", "standby", "this"]\n'
    )
    assert sorted(finding.line for finding in findings(code)) == [3, 4, 4, 5]
    page = tmp_path / "page.md"
    page.write_text("Run `anew` or\n\n```\nhis\n```\n\nstart anew.\n")
    assert [finding.line for finding in findings(page)] == [7]
