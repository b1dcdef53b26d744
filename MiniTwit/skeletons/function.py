"""The skeleton of a text in SQL; `folding.py` says the same in Python, and a test holds them together.

The function is immutable: it reads no table and no locale, so indexes can hold what it returns. It calls nothing but
PostgreSQL's own functions, which are found whatever the search path is while an index is rebuilt.

Most texts are ASCII and cost little more than lower() does; others are looked at for what is unusual first. What
is folded beyond ASCII is replaced one letter after the other; a text with very many different ones is taken apart, so
that none costs more than its length.
"""

import json

from MiniTwit.skeletons import patterns

ROUNDS = 40  # a text of one script has fewer letters with another form


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


_BEFORE, _AFTER = "".join(patterns.BEFORE_NORMALISING), "".join(patterns.BEFORE_NORMALISING.values())
_ASCII_FOLDED = "lower(rest)"  # of the collation C: the letters of ASCII
for _one, _many in patterns.FOLDED.items():
    if _one.isascii() and not _one.isalpha():
        _ASCII_FOLDED = f"replace({_ASCII_FOLDED}, {literal(_one)}, {literal(_many)})"
_FOLDED = json.dumps({one: many for one, many in patterns.FOLDED.items() if not one.isascii()}, ensure_ascii=False)

CREATE_FUNCTION = f"""
CREATE FUNCTION minitwit_skeleton(given text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 100 AS $minitwit$
DECLARE
    rest text COLLATE "C" := given;
    special text COLLATE "C";
    folded jsonb;
BEGIN
    IF octet_length(rest) = char_length(rest) OR rest ~ {literal(patterns.SIMPLE)} THEN
        RETURN {_ASCII_FOLDED};
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
    rest := {_ASCII_FOLDED};
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
$minitwit$
"""  # noqa: S608 -- everything in it is a literal of our own
DROP_FUNCTION = "DROP FUNCTION minitwit_skeleton(text)"
