"""No test falls between the commands that run them: each is run by one of those of the Makefile."""

import re
import tomllib
from itertools import product
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXPRESSIONS = re.findall(r"""pytest -rs -m (?:"([^"]+)"|(\w+))""", (ROOT / "Makefile").read_text())
COMMANDS = [quoted or single for quoted, single in EXPRESSIONS]


def chosen(expression: str, **marks: bool) -> bool:
    """Whether a test with these marks is among those of `-m expression`, which is one of Python as well."""
    return bool(eval(expression, {}, marks))


def test_there_is_a_command_for_the_quick_tests_the_stories_and_the_slow_ones() -> None:
    assert len(COMMANDS) == 3


@pytest.mark.parametrize(("slow", "story"), list(product((False, True), repeat=2)))
def test_one_command_runs_a_test_whatever_its_marks(slow: bool, story: bool) -> None:
    assert [chosen(command, slow=slow, story=story) for command in COMMANDS].count(True) == 1


@pytest.mark.parametrize("story", [False, True])
def test_who_names_a_file_gets_its_stories_and_not_its_slow_tests(story: bool) -> None:
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]["addopts"]
    expression = options.partition("-m '")[2].rstrip("'")
    assert chosen(expression, slow=False, story=story)
    assert not chosen(expression, slow=True, story=story)


def test_what_a_change_must_pass_are_the_quick_tests_and_the_stories() -> None:
    assert re.findall("^make test.*$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE) == [
        "make test",
        "make test-stories",
    ]
