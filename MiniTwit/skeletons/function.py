"""The skeleton of a text in SQL; `folding.py` says the same in Python, and a test holds them together.

The functions are immutable: they read no table and no locale, so indexes can hold what they return. They find what
they call whatever the search path is while an index is rebuilt: PostgreSQL's own functions, and each other by number,
as a body that is an expression does.

Most texts are ASCII and cost little more than lower() does. `minitwit_skeleton` is one expression for that reason:
PostgreSQL writes it into the query in place of the call, which takes half the time of a call. Hence it is not STRICT.
Other texts are looked at for what is unusual first. What is folded beyond ASCII is replaced one letter after the
other; a text with very many different ones is taken apart, so that none costs more than its length.
"""

import json
from typing import Any

from django.db.models import Func, TextField

from MiniTwit.skeletons import patterns


class Skeleton(Func):
    """What `MiniTwit.skeletons.skeleton` makes of a column, for queries and indexes."""

    function = "minitwit_skeleton"
    arity = 1

    def __init__(self, *expressions: Any, **extra: Any) -> None:
        super().__init__(*expressions, output_field=TextField(), **extra)


ROUNDS = 40  # a text of one script has fewer letters with another form


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


_BEFORE, _AFTER = "".join(patterns.BEFORE_NORMALISING), "".join(patterns.BEFORE_NORMALISING.values())


def ascii_folded(text: str) -> str:
    """SQL that folds the letters of ASCII in a text of the collation C, and what looks like them."""
    folded = f"lower({text})"
    for one, many in patterns.FOLDED.items():
        if one.isascii() and not one.isalpha():
            folded = f"replace({folded}, {literal(one)}, {literal(many)})"
    return folded


_FOLDED = json.dumps({one: many for one, many in patterns.FOLDED.items() if not one.isascii()}, ensure_ascii=False)

CREATE_FUNCTIONS = f"""
CREATE FUNCTION minitwit_skeleton_beyond_ascii(given text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 100 AS $minitwit$
DECLARE
    rest text COLLATE "C" := given;
    special text COLLATE "C";
    folded jsonb;
BEGIN
    IF rest ~ {literal(patterns.SIMPLE)} THEN
        RETURN {ascii_folded("rest")};
    END IF;
    IF rest !~ {literal(patterns.PLAIN)} THEN
        IF rest ~ {literal(patterns.UNUSUAL)} THEN
            rest := regexp_replace(rest, {literal(patterns.IGNORABLE)}, '', 'g');
            rest := regexp_replace(rest, {literal(patterns.UNSETTLED)}, {literal(patterns.REPLACEMENT)}, 'g');
            rest := regexp_replace(rest, {literal(patterns.HEAP_OF_MARKS)}, '', 'g');
            rest := translate(rest, {literal(_BEFORE)}, {literal(_AFTER)});
        END IF;
        IF rest IS NOT NFKC NORMALIZED THEN
            rest := normalize(rest, NFKC);
        END IF;
        IF rest ~ {literal(patterns.DECORATIONS)} THEN
            rest := normalize(regexp_replace(rest, {literal(patterns.DECORATIONS)}, '', 'g'), NFKC);
        END IF;
    END IF;
    rest := {ascii_folded("rest")};
    FOR round IN 1..{ROUNDS} LOOP
        special := substring(rest FROM {literal(patterns.FOLDED_BEYOND_ASCII)});
        IF special IS NULL THEN
            RETURN rest;
        END IF;
        folded := coalesce(folded, {literal(_FOLDED)}::jsonb);
        rest := replace(rest, special, folded ->> special);
    END LOOP;
    RETURN (
        SELECT string_agg(coalesce(folded ->> letter, letter), '' ORDER BY place)
        FROM regexp_split_to_table(rest, '') WITH ORDINALITY AS split (letter, place)
    );
END
$minitwit$;
CREATE FUNCTION minitwit_skeleton(given text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 100
RETURN CASE WHEN octet_length(given) = char_length(given) THEN {ascii_folded('given COLLATE "C"')}
    ELSE minitwit_skeleton_beyond_ascii(given) END
"""  # noqa: S608 -- everything in it is a literal of our own
DROP_FUNCTIONS = "DROP FUNCTION minitwit_skeleton(text), minitwit_skeleton_beyond_ascii(text)"
