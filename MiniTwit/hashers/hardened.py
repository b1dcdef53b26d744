"""Weak old hashes inside a strong one, made without knowing the passwords.

The form is `pbkdf2_sha256_over$iterations$salt$hash$` and then the beginning of the old hash up to its digest, for
example `werkzeug_sha1$oldsalt`. The old digest itself is not stored: the strong hash is made of it. To verify, the
hasher makes the old digest from the password again, and the strong hash from that.
"""

import base64
import hashlib
import re
from typing import Any

from django.contrib.auth.hashers import PBKDF2PasswordHasher, get_hasher, identify_hasher
from django.utils.crypto import constant_time_compare, pbkdf2
from django.utils.translation import gettext_noop as _

from MiniTwit.hashers.strict import MOST_ITERATIONS, ReplacedHasher, WrappableHasher, decoded_base64, parts_of

ALGORITHM = "pbkdf2_sha256_over"


class HardenedPasswordHasher(ReplacedHasher):
    algorithm = ALGORITHM
    iterations = PBKDF2PasswordHasher.iterations
    shown = (_("algorithm"), _("iterations"), _("around"))
    ENCODED = re.compile(ALGORITHM + r"\$([1-9][0-9]{0,8})\$([^$]+)\$([^$]+)\$(.+)", re.DOTALL)

    def wrap(self, encoded: str) -> str:
        """Put a strong hash around a weak one.

        Raises:
            ValueError: it is not a value of a `WrappableHasher`.
        """
        _hasher, decoded = unwrapped(encoded)
        before = encoded.rpartition("$")[0]
        salt = self.salt()
        return f"{ALGORITHM}${self.iterations}${salt}${_outer(decoded['hash'], salt, self.iterations)}${before}"

    def decode(self, encoded: str) -> dict[str, Any]:
        iterations, salt, digest, before = parts_of(self.ENCODED, encoded)
        if int(iterations) > MOST_ITERATIONS:
            raise ValueError("Too costly.")
        decoded_base64(digest, 32)
        inner = get_hasher(before.partition("$")[0])
        if not isinstance(inner, WrappableHasher):
            raise ValueError("What it was put around is not known.")
        return {
            "algorithm": self.algorithm,
            "iterations": int(iterations),
            "salt": salt,
            "hash": digest,
            "around": inner.algorithm,
            "inner": inner,
            "inner_decoded": inner.decode_beginning(before),
        }

    def verify(self, password: str, encoded: str) -> bool:
        try:
            decoded = self.decode(encoded)
            digests = decoded["inner"].digests_of(password, decoded["inner_decoded"])
        except ValueError:
            return False
        salt, iterations = decoded["salt"], decoded["iterations"]
        return any(constant_time_compare(_outer(digest, salt, iterations), decoded["hash"]) for digest in digests)


def is_weak(encoded: str) -> bool:
    """Whether a thief could try millions of passwords a second against the value, and it can be hardened."""
    try:
        inner, decoded = unwrapped(encoded)
    except ValueError:
        return False
    return inner.is_weak(decoded)


def hardened(encoded: str) -> str:
    """A weak value inside a strong one.

    Raises:
        ValueError: it cannot be wrapped; ask `is_weak` first.
    """
    return HardenedPasswordHasher().wrap(encoded)


def unwrapped(encoded: str) -> tuple[WrappableHasher, dict[str, Any]]:
    """The hasher of a value that can be wrapped, and the decoded value."""
    hasher = identify_hasher(encoded)
    if not isinstance(hasher, WrappableHasher):
        raise ValueError(f"{hasher.algorithm} cannot be wrapped.")
    return hasher, hasher.decode(encoded)


def _outer(digest: str, salt: str, iterations: int) -> str:
    return base64.b64encode(pbkdf2(digest, salt, iterations, digest=hashlib.sha256)).decode()
