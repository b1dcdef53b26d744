"""Compare the old database with the new one after an import, without trusting the import.

It shares nothing with the code that imports: the rules are restated from the description of old databases, and every
row of both databases is compared: as a line of text that each database writes (`lines`), or else in plain Python.
What one side got wrong, the other would have to get wrong in the same way to go unnoticed.
"""

from legacy_import.verify.compare import verify
from legacy_import.verify.old import CANONICAL_LAYOUT, OldTable
from legacy_import.verify.report import TableVerification, Verification
