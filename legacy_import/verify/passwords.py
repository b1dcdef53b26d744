"""What a stored password may have become.

The old applications were Flask with Werkzeug, whose `method$salt$hexadecimal` says the same as Django's
`method$cost$salt$base64`, and ports to other languages with hashes of their own. A format that Django can verify
may be kept, and so may a strong hash that this application put around a weak one. What was kept in clear must have
become a hash of it or an unusable password, and what cannot be verified an unusable one; never a password in clear.
"""

import base64
import hashlib
import hmac
import re
import struct
from collections.abc import Callable

DIGEST_BYTES = {"md5": 16, "sha1": 20, "sha224": 28, "sha256": 32, "sha384": 48, "sha512": 64}
SCRYPT_BYTES = 64
# Up to the usual cost a hash has to arrive; beyond the hanging cost it must not; in between both are right.
USUAL_ROUNDS, HANGING_ROUNDS = 2_000_000, 100_000_000
USUAL_BCRYPT, HANGING_BCRYPT = range(4, 13), 18  # each one more doubles the time
HANGING_MEMORY = 1024**3  # bytes
ASPNET_DIGESTS = {0: "sha1", 1: "sha256", 2: "sha512"}

# Django's own encodings.
KEPT = re.compile(
    r"(pbkdf2_(sha1|sha256|sha512)\$\d+\$.+\$.+|scrypt\$\d+\$.+|(bcrypt|bcrypt_sha256)\$\$2[aby]\$\d\d\$.+)",
    re.DOTALL,
)
# What a password in clear may have become: a hash that costs next to nothing, so that it can be calculated again.
CHEAP = r"pbkdf2_sha256\$(?P<rounds>[1-9]\d{0,4})\$(?P<salt>[^$]+)"
OF_CLEAR = re.compile(CHEAP + r"\$(?P<key>[^$]+)")
# A strong hash around a weak one, of which all but the last part is kept.
AROUND = re.compile(r"pbkdf2_sha256_over\$[1-9]\d{5,}\$[^$]+\$[0-9A-Za-z+/]{43}=\$(?P<weak>.+)", re.DOTALL)
AROUND_CLEAR = re.compile(CHEAP)


def password_fits(stored: str, *, mangled: bool, new: str) -> bool:
    """Whether `new` is what the old application's `stored` had to become.

    Args:
        stored: the old value, read as text; empty where there was none.
        mangled: whether reading it as text had to drop or replace something.
        new: the password in the new database.
    """
    unusable = new.startswith("!") and new != stored
    for pattern, convert in FORMATS:
        if match := pattern.fullmatch(stored):
            encoded, must_arrive = convert(match)
            return _is_or_is_around(encoded, new) or (unusable and (mangled or not must_arrive))
    if KEPT.fullmatch(stored):
        return unusable or _is_or_is_around(stored, new)
    return unusable or _is_hash_of(stored, new)


def _is_or_is_around(encoded: str | None, new: str) -> bool:
    if encoded is None or new == encoded:
        return new == encoded
    around = AROUND.fullmatch(new)
    return around is not None and around["weak"] == encoded.rpartition("$")[0]


def _is_hash_of(clear: str, new: str) -> bool:
    """Whether the new value was made of this password. (A strong hash around such a one is not made again.)"""
    if around := AROUND.fullmatch(new):
        return AROUND_CLEAR.fullmatch(around["weak"]) is not None
    match = OF_CLEAR.fullmatch(new)
    if not clear or match is None:
        return False
    key = hashlib.pbkdf2_hmac("sha256", clear.encode(), match["salt"].encode(), int(match["rounds"]))
    return hmac.compare_digest(_base64(key), match["key"])


Converted = tuple[str | None, bool]


def _pbkdf2(match: re.Match[str]) -> Converted:
    digest, rounds, salt = match["digest"], int(match["rounds"]), match["salt"]
    key = bytes.fromhex(match["key"])
    if len(key) != DIGEST_BYTES[digest] or rounds > HANGING_ROUNDS or match["key"] not in _in_one_case(match["key"]):
        return None, False
    if _may_stand_for_bytes(salt):
        return f"pbkdf2_hex${digest}${rounds}${salt}${_base64(key)}", rounds <= USUAL_ROUNDS
    return f"pbkdf2_{digest}${rounds}${salt}${_base64(key)}", rounds <= USUAL_ROUNDS


def _in_one_case(digits: str) -> tuple[str, str]:
    return digits.lower(), digits.upper()


def _may_stand_for_bytes(salt: str) -> bool:
    """Whether a salt is eight bytes or more in hexadecimal digits of one case; then it may be those, or the text."""
    try:
        data = bytes.fromhex(salt)
    except ValueError:
        return False
    return 8 <= len(data) <= 512 and salt in (data.hex(), data.hex().upper())


def _modular_pbkdf2(match: re.Match[str]) -> Converted:
    digest, rounds = match["digest"] or "sha1", int(match["rounds"])
    written = [match[name].replace(".", "+") for name in ("salt", "key")]
    try:
        salt, key = (base64.b64decode(f"{text}===") for text in written)  # more padding than it needs is no harm
    except ValueError:
        return None, False
    if len(key) != DIGEST_BYTES[digest] or rounds > HANGING_ROUNDS or len(salt) > 1_024:
        return None, False
    encoded = [_base64(salt), _base64(key)]
    is_proper = [text.rstrip("=") for text in encoded] == written
    return "$".join(["pbkdf2_bytes", digest, str(rounds), *encoded]), is_proper and rounds <= USUAL_ROUNDS


def _scrypt(match: re.Match[str]) -> Converted:
    cost, block, parallel = int(match["cost"]), int(match["block"]), int(match["parallel"])
    key = bytes.fromhex(match["key"])
    if len(key) != SCRYPT_BYTES or 128 * cost * block * parallel > HANGING_MEMORY or cost < 2 or cost & (cost - 1):
        return None, False
    usual = 1_024 <= cost <= 32_768 and block <= 8 and parallel == 1
    return f"scrypt${cost}${match['salt']}${block}${parallel}${_base64(key)}", usual


def _digest(match: re.Match[str]) -> Converted:
    if len(match["key"]) != 2 * DIGEST_BYTES[match["digest"]]:
        return None, False
    return f"werkzeug_{match['digest']}${match['salt']}${match['key']}", True


def _bare_digest(match: re.Match[str]) -> Converted:
    digits = match[0]
    name = next(name for name in ("md5", "sha1", "sha256", "sha512") if 2 * DIGEST_BYTES[name] == len(digits))
    return f"werkzeug_{name}$${digits.lower()}", digits in _in_one_case(digits)


def _bcrypt(match: re.Match[str]) -> Converted:
    rounds = int(match["rounds"])
    if rounds >= HANGING_BCRYPT:
        return None, False
    # The 22nd character of the salt has four bits to spare; only if they are empty all programs read it alike.
    return f"bcrypt${match['hash']}", rounds in USUAL_BCRYPT and match["last"] in ".Oeu"


def _aspnet_2(match: re.Match[str]) -> Converted:
    data = base64.b64decode(match[0])
    return f"aspnet_identity$sha1$1000${_base64(data[1:17])}${_base64(data[17:])}", _base64(data) == match[0]


def _aspnet_3(match: re.Match[str]) -> Converted:
    try:
        data = base64.b64decode(match[0])
    except ValueError:
        return None, False
    number, rounds, salt_bytes = struct.unpack_from(">3I", data, 1)
    digest = ASPNET_DIGESTS.get(number)
    salt, key = data[13 : 13 + salt_bytes], data[13 + salt_bytes :]
    if not digest or rounds > HANGING_ROUNDS or not salt or not key:
        return None, False
    usual = 0 < rounds <= USUAL_ROUNDS and len(salt) == 16 and len(key) == 32
    return f"aspnet_identity${digest}${rounds}${_base64(salt)}${_base64(key)}", usual and _base64(data) == match[0]


def _base64(key: bytes) -> str:
    return base64.b64encode(key).decode()


# What an old value looks like, and a function that gives our encoding of it (None: there is none, so it has to be
# unusable) and whether it must have arrived (False: an unusable password is right too).
FORMATS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Converted]], ...] = (
    (
        re.compile(
            r"pbkdf2:(?P<digest>sha1|sha256|sha512):(?P<rounds>[1-9][0-9]{0,11})"
            r"\$(?P<salt>[^$]+)\$(?P<key>([0-9a-fA-F]{2})+)"
        ),
        _pbkdf2,
    ),
    (
        # passlib's own base64 has a dot in the place of the plus, and like the PHC's it is not padded.
        re.compile(
            r"\$pbkdf2(-(?P<digest>sha256|sha512))?\$(i=)?(?P<rounds>[1-9][0-9]{0,11})(,l=[0-9]+)?"
            r"\$(?P<salt>[./+0-9A-Za-z]+)\$(?P<key>[./+0-9A-Za-z]+)"
        ),
        _modular_pbkdf2,
    ),
    (
        re.compile(
            r"scrypt:(?P<cost>[1-9][0-9]{0,11}):(?P<block>[1-9][0-9]{0,5}):(?P<parallel>[1-9][0-9]{0,5})"
            r"\$(?P<salt>[^$]+)\$(?P<key>([0-9a-f]{2})+)"
        ),
        _scrypt,
    ),
    (re.compile(r"(?P<digest>md5|sha1|sha224|sha256|sha384|sha512)\$(?P<salt>[^$]*)\$(?P<key>[0-9a-f]+)"), _digest),
    (re.compile(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64}|[0-9a-fA-F]{128}"), _bare_digest),
    (
        re.compile(
            r"(\{bcrypt\})?"
            r"(?P<hash>\$2[aby]\$(?P<rounds>[0-9]{2})\$[./0-9A-Za-z]{21}(?P<last>[./0-9A-Za-z])[./0-9A-Za-z]{31})"
        ),
        _bcrypt,
    ),
    # Base64 of a zero, salt and key; and of a one, of three numbers whose first is small, salt and key. A wider
    # pattern would take a password in clear for a hash: AMERICANPRESIDENTLINCOLN.
    (re.compile(r"A[A-P][0-9A-Za-z+/]{64}=="), _aspnet_2),
    (re.compile(r"AQAAAA[0-9A-Za-z+/]{12,}={0,2}"), _aspnet_3),
)
