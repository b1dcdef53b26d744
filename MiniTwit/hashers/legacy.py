"""Hashers for hashes of other applications for which Django has no hasher. They only verify; a sign-in replaces the
old hash."""

import base64
import hashlib
import hmac
import re
from typing import Any

from django.utils.translation import gettext_noop as _

from MiniTwit.hashers.strict import (
    MOST_ITERATIONS,
    STRONG_ITERATIONS,
    ReplacedHasher,
    WrappableHasher,
    decoded_base64,
    parts_of,
)


class WerkzeugDigestHasher(ReplacedHasher, WrappableHasher):
    """Early Werkzeug's `sha1$salt$hex` and its like: HMAC(key=salt, message=password).

    Django's format of the same look is another calculation, so these have names of their own. Without a salt it is
    the digest of the password alone, which is also what a bare MD5 sum is.
    """

    digest_name: str
    shown = (_("algorithm"),)
    ENCODED = re.compile(r"werkzeug_([a-z0-9]+)\$([^$]*)\$([0-9a-f]+)")

    def __init_subclass__(cls) -> None:
        cls.algorithm = f"werkzeug_{cls.digest_name}"
        cls.blank_digest = "00" * hashlib.new(cls.digest_name, usedforsecurity=False).digest_size

    def encode(self, password: str, salt: str) -> str:
        return f"{self.algorithm}${salt}${self.digest_of(password, {'salt': salt})}"

    def decode(self, encoded: str) -> dict[str, Any]:
        name, salt, digest = parts_of(self.ENCODED, encoded)
        if name != self.digest_name or len(digest) != len(self.blank_digest):
            raise ValueError("Another algorithm, or cut short.")
        return {"algorithm": self.algorithm, "salt": salt, "hash": digest}

    def digest_of(self, password: str, decoded: dict[str, Any]) -> str:
        if not decoded["salt"]:
            return hashlib.new(self.digest_name, password.encode(), usedforsecurity=False).hexdigest()
        return hmac.new(decoded["salt"].encode(), password.encode(), self.digest_name).hexdigest()

    def is_weak(self, decoded: dict[str, Any]) -> bool:
        return True


class WerkzeugMD5PasswordHasher(WerkzeugDigestHasher):
    digest_name = "md5"


class WerkzeugSHA1PasswordHasher(WerkzeugDigestHasher):
    digest_name = "sha1"


class WerkzeugSHA224PasswordHasher(WerkzeugDigestHasher):
    digest_name = "sha224"


class WerkzeugSHA256PasswordHasher(WerkzeugDigestHasher):
    digest_name = "sha256"


class WerkzeugSHA384PasswordHasher(WerkzeugDigestHasher):
    digest_name = "sha384"


class WerkzeugSHA512PasswordHasher(WerkzeugDigestHasher):
    digest_name = "sha512"


class ASPNetIdentityPasswordHasher(ReplacedHasher, WrappableHasher):
    """ASP.NET Core Identity's PBKDF2, of version 2 and 3, whose salt is of any bytes.

    Stored as `aspnet_identity$digest$iterations$salt$key`, the last two in base64.
    """

    algorithm = "aspnet_identity"
    blank_digest = base64.b64encode(bytes(32)).decode()
    ENCODED = re.compile(r"aspnet_identity\$(sha1|sha256|sha512)\$([1-9][0-9]{0,8})\$([^$]+)\$([^$]+)")
    SALT_BYTES = range(16, 65)
    shown = (_("algorithm"), _("digest"), _("iterations"))

    def encode(self, password: str, salt: str) -> str:
        """As ASP.NET itself would, with today's iterations; `salt` is base64."""
        settings = {"digest": "sha512", "iterations": STRONG_ITERATIONS["sha512"], "salt": salt}
        return f"{self.algorithm}$sha512${settings['iterations']}${salt}${self.digest_of(password, settings)}"

    def decode(self, encoded: str) -> dict[str, Any]:
        digest, iterations, salt, key = parts_of(self.ENCODED, encoded)
        if int(iterations) > MOST_ITERATIONS or len(decoded_base64(salt)) not in self.SALT_BYTES:
            raise ValueError("Too costly, or no salt.")
        decoded_base64(key, 32)
        return {
            "algorithm": self.algorithm,
            "digest": digest,
            "iterations": int(iterations),
            "salt": salt,
            "hash": key,
        }

    def digest_of(self, password: str, decoded: dict[str, Any]) -> str:
        salt = base64.b64decode(decoded["salt"])
        key = hashlib.pbkdf2_hmac(decoded["digest"], password.encode(), salt, decoded["iterations"], 32)
        return base64.b64encode(key).decode()

    def is_weak(self, decoded: dict[str, Any]) -> bool:
        return bool(decoded["iterations"] < STRONG_ITERATIONS[decoded["digest"]])
