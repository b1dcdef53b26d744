"""Passwords that the old application kept in clear: how they are told from hashes, and their first hash."""

import base64
import re

from django.utils.crypto import salted_hmac

from legacy_import.rules.passwords.hashing_process import process_beside
from MiniTwit.hashers.strict import PBKDF2SHA256PasswordHasher

LONGEST_PASSWORD = 1_024  # characters

# What is no password in clear, but a hash that was cut, mangled or is of an unknown kind. When in doubt it is one of
# these: a password that is wrongly taken for a hash has to be set again, but people who have read the old database
# could sign in with a hash that is wrongly taken for a password.
NOT_PLAIN = (
    # It begins as an encoding does: pbkdf2:…, sha1$…, scrypt:…, werkzeug_md5$…, {bcrypt}…
    re.compile(
        r"\{?(pbkdf2|scrypt|bcrypt|argon2|crypt|sha-?[0-9]|md[245]|hmac|ssha|werkzeug|aspnet|unsalted|plain)"
        r"[-_:./0-9a-z]*[$:{}]",
        re.IGNORECASE,
    ),
    # $2b$10$…, $argon2id$…, $6$…; or $2b cut short
    re.compile(r"\$[0-9a-z][-_0-9a-z]*\$|\$(2[abxy]?|[156y]|P|H|argon2.*|pbkdf2.*|scrypt.*)$", re.IGNORECASE),
    # {SSHA}…
    re.compile(r"\{[-0-9A-Z]+\}"),
    # 24 hexadecimal digits in a row, anywhere: the shortest digest has 32, and may have been cut
    re.compile(r".*[0-9a-fA-F]{24}"),
    # What every hash of ASP.NET Identity 3 begins with
    re.compile(r"AQAAAA"),
    # method$salt$digest and salt$digest of any kind
    re.compile(r"[^$]*(\$[^$]*)?\$[-_./+0-9A-Za-z]{16,}={0,2}$"),
    # Base64 of sixteen bytes and more: it is padded, or has digits and letters of both cases.
    re.compile(r"[-_+/0-9A-Za-z]{22,}={1,2}$"),
    re.compile(r"(?=.*[0-9])(?=.*[A-Z])(?=.*[a-z])[-_+/0-9A-Za-z]{22,}$"),
    # Nothing that can be typed at the sign-in form.
    re.compile(r".*[\x00-\x1f\x7f]"),
    # How programs spell that there is nothing.
    re.compile(r"\s*(null|none|nil|undefined|nan)?\s*$", re.IGNORECASE),
    # What Django marks as unusable.
    re.compile(r"!"),
)

# A first hash that a hundred thousand passwords can have within two minutes. Signing in replaces it by a full one,
# and so does `harden_legacy_passwords` without waiting for that.
FIRST_ITERATIONS = 600
SALT_BYTES = 16
FIRST_HASHER = PBKDF2SHA256PasswordHasher()


def is_plain(text: str) -> bool:
    """Whether a text that is none of the known hashes is a password in clear."""
    return len(text) <= LONGEST_PASSWORD and not any(pattern.match(text) for pattern in NOT_PLAIN)


def first_hash(password: str, user_id: str) -> str:
    """Hash a plain password, at the same cost and with the same salt each time.

    The salt depends on the account and this site's SECRET_KEY alone. So attackers without it cannot prepare, no two
    accounts share a salt, and importing the same password again gives the same hash: nothing has changed then.
    """
    key = salted_hmac("legacy_import.passwords.plain", user_id, algorithm="sha256").digest()
    salt = base64.urlsafe_b64encode(key[:SALT_BYTES]).decode().rstrip("=")
    if beside := process_beside():
        return f"{FIRST_HASHER.algorithm}${FIRST_ITERATIONS}${salt}${beside.hash(password, salt, FIRST_ITERATIONS)}"
    return FIRST_HASHER.encode(password, salt, FIRST_ITERATIONS)
