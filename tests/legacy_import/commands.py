"""The import's commands as scripts use them: what they answer in JSON."""

import io
import json
from contextlib import suppress
from typing import Any

import pytest
from django.core.management import CommandError, call_command


def import_legacy(*arguments: str) -> dict[str, Any]:
    output = io.StringIO()
    try:
        call_command("import_legacy", *arguments, "--json", stdout=output, stderr=io.StringIO())
    finally:
        answer = output.getvalue()
    return json.loads(answer)


def refusal(*arguments: str) -> dict[str, str]:
    output = io.StringIO()
    with pytest.raises(CommandError) as error:
        call_command("import_legacy", *arguments, "--json", stdout=output)
    answer = json.loads(output.getvalue())["error"]
    assert answer["message"] == str(error.value)
    assert "\n" not in answer["message"]
    return answer


def verification() -> dict[str, Any]:
    output = io.StringIO()
    with suppress(SystemExit):  # what it found is in the answer
        call_command("verify_legacy", "--json", stdout=output)
    return json.loads(output.getvalue())
