"""Password hashers for the values of old databases and of Django itself.

They are strict: for any value in the database, none of them raises an error at sign-in or on a page, and none of them
begins a calculation that would keep a sign-in busy for minutes.
"""

from MiniTwit.hashers.hardened import hardened, is_weak
from MiniTwit.hashers.strict import is_verifiable
