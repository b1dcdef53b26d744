"""Skeletons: texts that look alike have the same one, as UTS #39 calls it, so that no spelling hides a word.

skeleton(text)        what is compared, in the watch-list and in the search
Skeleton("text")      the same for a column, for queries and for indexes
align(text)           the skeleton, and where in the text each of its characters comes from
WORD_CHARACTER        a class for expressions: what a word is made of, whatever the database's locale

The skeleton keeps what a reader sees. Code points that show nothing (zero-width spaces, soft hyphens, variation
selectors, tags …) are dropped, and so are marks drawn across letters. Full-width, mathematical, circled and raised
letters become plain ones (NFKC); letters of other scripts that look like a Latin letter become that letter; case is
folded. A letter with an accent or a stroke of a written language (é, ø, å) stays a letter of its own. Of the digits
only 0 is read as a letter, as o: 1 and l, or rn and m, stay apart, for too many plain words would be confused.

Python and PostgreSQL each bring their own edition of Unicode, and a database may fold case by any locale. So one
table (`table.py`) holds all that is folded, and only what every edition agrees on is normalised.
"""

from MiniTwit.skeletons.folding import align, skeleton
from MiniTwit.skeletons.function import Skeleton
from MiniTwit.skeletons.patterns import WORD_CHARACTER
