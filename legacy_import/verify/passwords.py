"""What a stored password may have become.

The old application was Flask with Werkzeug, whose `method$salt$hexadecimal` says the same as Django's
`method$cost$salt$base64`. A format that Django can verify as it stands may be kept; whatever cannot be verified must
have become an unusable password, never a password in clear.
"""

import base64
import re
from collections.abc import Callable

DIGEST_BYTES = {"sha1": 20, "sha256": 32, "sha512": 64}
SCRYPT_BYTES = 64
# Up to the usual cost a hash has to arrive; beyond the hanging cost it must not; in between both are right.
USUAL_ROUNDS, HANGING_ROUNDS = 2_000_000, 100_000_000
HANGING_MEMORY = 1024**3  # bytes

# Django's own encodings, and bcrypt, with or without Django's prefix.
KEPT = re.compile(
    r"(pbkdf2_(sha1|sha256|sha512)\$\d+\$.+\$.+|scrypt\$\d+\$.+|argon2\$.+|(bcrypt\$|bcrypt_sha256\$)?\$2[aby]\$\d\d\$.+)"
)


def password_fits(stored: str, *, mangled: bool, new: str) -> bool:
    """Whether `new` is what the old application's `stored` had to become.

    Args:
        stored: the old value, read as text; empty where there was none.
        mangled: whether reading it as text had to drop or replace something.
        new: what stands in the new database.
    """
    unusable = new.startswith("!") and new != stored
    for pattern, convert in FORMATS:
        if match := pattern.fullmatch(stored):
            encoded, must_arrive = convert(match)
            return new == encoded or (unusable and (mangled or not must_arrive))
    if KEPT.fullmatch(stored):
        return unusable or new in {stored, f"bcrypt${stored}"}
    return unusable


def _pbkdf2(match: re.Match[str]) -> tuple[str | None, bool]:
    digest, rounds, salt = match["digest"], int(match["rounds"]), match["salt"]
    key = bytes.fromhex(match["key"])
    if len(key) != DIGEST_BYTES[digest] or rounds > HANGING_ROUNDS:
        return None, False
    return f"pbkdf2_{digest}${rounds}${salt}${_base64(key)}", rounds <= USUAL_ROUNDS


def _scrypt(match: re.Match[str]) -> tuple[str | None, bool]:
    cost, block, parallel = int(match["cost"]), int(match["block"]), int(match["parallel"])
    key = bytes.fromhex(match["key"])
    if len(key) != SCRYPT_BYTES or 128 * cost * block * parallel > HANGING_MEMORY or cost < 2 or cost & (cost - 1):
        return None, False
    usual = 1_024 <= cost <= 32_768 and block <= 8 and parallel == 1
    return f"scrypt${cost}${match['salt']}${block}${parallel}${_base64(key)}", usual


def _base64(key: bytes) -> str:
    return base64.b64encode(key).decode()


# What an old value looks like, and a function that gives Django's encoding of it (None: there is none, so it has to
# be unusable) and whether it must have arrived (False: an unusable password is right too).
FORMATS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], tuple[str | None, bool]]], ...] = (
    (
        re.compile(
            r"pbkdf2:(?P<digest>sha1|sha256|sha512):(?P<rounds>[1-9]\d{0,11})\$(?P<salt>[^$]+)\$(?P<key>([0-9a-f]{2})+)"
        ),
        _pbkdf2,
    ),
    (
        re.compile(
            r"scrypt:(?P<cost>[1-9]\d{0,11}):(?P<block>[1-9]\d{0,5}):(?P<parallel>[1-9]\d{0,5})"
            r"\$(?P<salt>[^$]+)\$(?P<key>([0-9a-f]{2})+)"
        ),
        _scrypt,
    ),
)
