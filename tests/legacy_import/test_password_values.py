"""What an old password is, one value at a time: a hash that is spelled anew, a password in clear, or neither."""

import base64
import hashlib

from legacy_import.rules.passwords.hash_formats import converted
from legacy_import.rules.passwords.plain import first_hash, is_plain
from legacy_import.verify.passwords import HANGING_ROUNDS, password_fits

IN_CLEAR = (
    *("secret", "correct horse battery staple", "12345678", "p$ssw0rd", "$ecret", "Ünï", "deadbeef", "x" * 1_024),
    *("sha1rules", "md5", "Pa55word", "a=b", "#1: me", "bcrypt is fine", "nullable", "$3", "$2c", "$yes"),
    *("{}", "{a}", "AMERICANPRESIDENTLINCOLN", "Abrahamlincolnwaspresident"),
    # One step before they would be digests.
    *("a1" * 11 + "b", "q$" + "x" * 15, "q$" + "x" * 16 + "===", "q" * 21 + "=", "q" * 22 + "===", "q" * 30),
    *("Qm7" * 7, "QM7" * 8, "Qmx" * 8, "qm7" * 8),
)
ENDS = "AZaz09"  # of the ranges of letters and digits
NOT_IN_CLEAR = (
    # They begin as an encoding does, whichever way that is spelled.
    *("pbkdf2:sha256:", "pbkdf2_sha256$5", "scrypt:", "bcrypt$", "argon2id$", "crypt:", "sha0$", "sha-1:", "SHA512:"),
    *("md2:", "md4:", "md5:", "hmac-sha1$", "ssha{", "werkzeug_md5$", "aspnet_identity$", "unsalted_md5$", "plain:"),
    *("{bcrypt}$2a$10$x", "{pbkdf2}x"),
    *(f"md5-_./{ENDS}$", f"md5-_./{ENDS}:", "$1$", "$z$", f"$0-_{ENDS}$", "$2b$10$", "$argon2id$v"),
    *("$6$salt$" + "x" * 86, "AQAAAA==", "{SHA-0129AZ}x", "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g="),
    # They were cut to the name of a method.
    *("$2", "$2a", "$2b", "$2x", "$2Y", "$1", "$5", "$6", "$y", "$P", "$H", "$argon2", "$argon2id"),
    *("$pbkdf2", "$scrypt"),
    # A digest, alone or behind its salt.
    *("a1" * 12, "words before " + "AF09af" * 4, "$" + "x" * 16, "q$$" + ENDS * 3, "q$r$-_./+" + ENDS * 2 + "=="),
    *("q" * 22 + "=", "-_+/" + ENDS * 3 + "==", "-_+/" + ENDS * 3),
    *("0" + "Zz" * 11, "Z" + "0z" * 11, "z" + "0Z" * 11, "Qm7" * 7 + "Q"),
    # They cannot be typed, or say that there is none.
    *("tab\there", "line\nend", "\x7f", "", "  ", "null", "None", "NIL", " undefined ", "nan", "!", "!x"),
    "x" * 1_025,
)


def test_what_counts_as_a_password_in_clear():
    assert [text for text in IN_CLEAR if not is_plain(text)] == []
    assert [text for text in NOT_IN_CLEAR if is_plain(text)] == []
    firsts = [(text, first_hash(text, "1")) for text in IN_CLEAR]
    assert [text for text, first in firsts if not password_fits(text, mangled=False, new=first)] == []


def in_base64(*parts: bytes) -> str:
    return base64.b64encode(b"".join(parts)).decode()


def aspnet_3(digest: int, rounds: int, salt: bytes, key: bytes) -> str:
    return in_base64(b"\1", *(number.to_bytes(4) for number in (digest, rounds, len(salt))), salt, key)


SALT, LONG_SALT, KEY = bytes(range(1, 17)), bytes(range(64)), b" d" + bytes(range(34, 64))  # d: a Z in base64
BCRYPT = "$2y$04$Mb2tE5rU8iPo1Sd4Fg7HjOtVRzp91idFdc29AsnnuV/lAOHdB1jFa"
ASPNET = in_base64(b"\0", SALT, KEY)
SPELLINGS = {
    f"pbkdf2:sha1:1000$0s${'0f' * 20}": f"pbkdf2_sha1$1000$0s${in_base64(bytes([15]) * 20)}",
    f"pbkdf2:sha512:1000$0s${'0f' * 64}": f"pbkdf2_sha512$1000$0s${in_base64(bytes([15]) * 64)}",
    f"pbkdf2:sha256:1000$0s${'0f' * 32}": f"pbkdf2_sha256$1000$0s${in_base64(bytes([15]) * 32)}",
    f"scrypt:1024:10:20$s${'f0' * 64}": f"scrypt$1024$s$10$20${in_base64(bytes([240]) * 64)}",
    f"pbkdf2:sha1:1000${'0A' * 8}${'0F' * 20}": f"pbkdf2_hex$sha1$1000${'0A' * 8}${in_base64(bytes([15]) * 20)}",
    f"pbkdf2:sha1:1000${'0a' * 512}${'0f' * 20}": f"pbkdf2_hex$sha1$1000${'0a' * 512}${in_base64(bytes([15]) * 20)}",
    **{
        f"pbkdf2:sha1:1000${salt}${'0F' * 20}": f"pbkdf2_sha1$1000${salt}${in_base64(bytes([15]) * 20)}"
        for salt in ("0A" * 7, "0A" * 8 + "0", "0A" * 7 + "0a", "0g" * 8, "0A" * 513)
    },
    f"$pbkdf2$1000$./8${'.' * 26}8": f"pbkdf2_bytes$sha1$1000$+/8=${'+' * 26}8=",
    f"$pbkdf2$i=9,l=20$AZaz09./${'AZaz09./' * 3}AAA": f"pbkdf2_bytes$sha1$9$AZaz09+/${'AZaz09+/' * 3}AAA=",
    f"$pbkdf2-sha256$i=9$AAAA${'/' * 42}8": f"pbkdf2_bytes$sha256$9$AAAA${'/' * 42}8=",
    f"$pbkdf2-sha512$i=9,l=64$AA${'+' * 85}w": f"pbkdf2_bytes$sha512$9$AA==${'+' * 85}w==",
    "0F" * 16: "werkzeug_md5$$" + "0f" * 16,
    **{text * 20: "werkzeug_sha1$$" + "0f" * 20 for text in ("0f", "0F")},
    "0f" * 32: "werkzeug_sha256$$" + "0f" * 32,
    "0f" * 64: "werkzeug_sha512$$" + "0f" * 64,
    "{bcrypt}" + BCRYPT: "bcrypt$" + BCRYPT,
    f"scrypt:2:1:1$s${'f0' * 64}": f"scrypt$2$s$1$1${in_base64(bytes([240]) * 64)}",
    **{
        f"{name}${salt}{'0f' * size}": f"werkzeug_{name}${salt}{'0f' * size}"
        for name, salt, size in (("md5", "s$", 16), ("sha224", "$", 28), ("sha256", "s$", 32), ("sha384", "s$", 48))
    },
    **{text: f"bcrypt${text}" for text in (BCRYPT, f"$2a$04${('09AZaz./' * 3)[:21]}u{('09AZaz./' * 4)[:31]}")},
    ASPNET: f"aspnet_identity$sha1$1000${in_base64(SALT)}${in_base64(KEY)}",
    aspnet_3(0, 9, SALT, KEY): f"aspnet_identity$sha1$9${in_base64(SALT)}${in_base64(KEY)}",
    aspnet_3(1, 9, SALT + b"more", KEY): f"aspnet_identity$sha256$9${in_base64(SALT, b'more')}${in_base64(KEY)}",
    aspnet_3(2, 9, LONG_SALT, KEY): f"aspnet_identity$sha512$9${in_base64(LONG_SALT)}${in_base64(KEY)}",
    **{
        text: text
        for text in (
            *(f"pbkdf2_sha1$9$s\n${in_base64(bytes(20))}", f"pbkdf2_sha512$9$s${in_base64(bytes(64))}"),
            *(f"scrypt$2$s$1$1${in_base64(bytes(64))}", f"bcrypt${BCRYPT}", f"bcrypt_sha256${BCRYPT}"),
        )
    },
}


def test_a_hash_is_spelled_as_the_hashers_spell_it():
    assert {text: converted(text) for text in SPELLINGS} == SPELLINGS


def test_what_is_no_whole_hash_is_not_spelled_as_one():
    for text in (
        *(f"pbkdf2:sha1:1000$0s${'0f' * 19}0", f"scrypt:1024:10:20$s${'f0' * 63}f", "0f" * 15, "sha1$s$"),
        *(f"pbkdf2:sha1:1000$${'0f' * 20}", f"pbkdf2:sha1:01000$s${'0f' * 20}", f"scrypt:1024:8:1$${'f0' * 64}"),
        *(f"scrypt:{cost}$s${'f0' * 64}" for cost in ("01024:8:1", "1024:08:1", "1024:8:01")),
        *(in_base64(b"\0", SALT, KEY[1:]), in_base64(b"\0", SALT, KEY, b"1"), in_base64(b"\2", SALT, KEY)),
        *(aspnet_3(3, 9, SALT, KEY), aspnet_3(0, 9, SALT, KEY)[:16], aspnet_3(0, 9, SALT, KEY)[:-1], "AQAAA"),
        *(ASPNET + "=", "0f" * 28, "0F" * 19 + "0f", f"pbkdf2:sha1:1000$s${'0F' * 19}0f"),
        *(f"$pbkdf2$9$AA${'A' * 26}", f"$pbkdf2$9$AB${'A' * 27}", f"$pbkdf2$9$A${'A' * 27}", f"$pbkdf2$9${'A' * 27}"),
        *(f"$pbkdf2-sha1$9$AA${'A' * 27}", f"$pbkdf2$i=$AA${'A' * 27}", f"$pbkdf2$9$AA==${'A' * 27}="),
        *(f"$pbkdf2$9${'A' * 1_368}${'A' * 27}", f"$pbkdf2$09$AA${'A' * 27}", f"$pbkdf2$9$${'A' * 27}"),
        f"$pbkdf2-sha256$i=9,l=$AA${'A' * 43}",
    ):
        assert converted(text) is None, text
        assert password_fits(text, mangled=False, new="!"), text


LONG = bytes([15]) * 64
# What would keep a sign-in busy without end, or is no whole hash, as the hashers would spell it.
NEVER_TRIED = {
    f"scrypt:{cost}:{block}:{parallel}$s${LONG.hex()}": f"scrypt${cost}$s${block}${parallel}${in_base64(LONG)}"
    for cost, block, parallel in (
        *((1, 8, 1), (3, 8, 1), (5, 8, 1), (6, 8, 1)),
        *((1_048_576, 8, 2), (1_024, 8_192, 2), (2, 5, 838_861), (2, 838_861, 5)),
    )
} | {
    f"pbkdf2:sha512:{HANGING_ROUNDS + 1}$s${LONG.hex()}": f"pbkdf2_sha512${HANGING_ROUNDS + 1}$s${in_base64(LONG)}",
    f"pbkdf2:sha1:9$s${LONG.hex()}": f"pbkdf2_sha1$9$s${in_base64(LONG)}",
    f"scrypt:1024:8:1$s${LONG[1:].hex()}": f"scrypt$1024$s$8$1${in_base64(LONG[1:])}",
    f"pbkdf2:sha1:{HANGING_ROUNDS + 1}${'0A' * 8}${'0F' * 20}": (
        f"pbkdf2_hex$sha1${HANGING_ROUNDS + 1}${'0A' * 8}${in_base64(bytes([15]) * 20)}"
    ),
    f"$pbkdf2${HANGING_ROUNDS + 1}$AAAA${'A' * 27}": f"pbkdf2_bytes$sha1${HANGING_ROUNDS + 1}$AAAA${'A' * 27}=",
    f"$pbkdf2-sha256$9$AAAA${'A' * 27}": f"pbkdf2_bytes$sha256$9$AAAA${'A' * 27}=",
    f"$pbkdf2$9$AAAA${'A' * 28}": f"pbkdf2_bytes$sha1$9$AAAA${'A' * 28}",
    f"$pbkdf2$9${'A' * 1_367}${'A' * 27}": f"pbkdf2_bytes$sha1$9${in_base64(bytes(1_025))}${'A' * 27}=",
    f"scrypt:1024:8:1$s${LONG.hex()}0f": f"scrypt$1024$s$8$1${in_base64(LONG, LONG[:1])}",
    **{BCRYPT.replace("04", rounds): f"bcrypt${BCRYPT.replace('04', rounds)}" for rounds in ("18", "31")},
    f"sha1$s${LONG[:19].hex()}": f"werkzeug_sha1$s${LONG[:19].hex()}",
    f"sha1$s${LONG[:21].hex()}": f"werkzeug_sha1$s${LONG[:21].hex()}",
    aspnet_3(2, HANGING_ROUNDS + 1, SALT, KEY): (
        f"aspnet_identity$sha512${HANGING_ROUNDS + 1}${in_base64(SALT)}${in_base64(KEY)}"
    ),
    aspnet_3(2, 9, SALT, b""): f"aspnet_identity$sha512$9${in_base64(SALT)}$",
    aspnet_3(2, 9, SALT, KEY).rstrip("="): f"aspnet_identity$sha512$9${in_base64(SALT)}${in_base64(KEY)}",
    aspnet_3(2, 9, b"", KEY): f"aspnet_identity$sha512$9$${in_base64(KEY)}",
    in_base64(b"\0", SALT, KEY[1:]): f"aspnet_identity$sha1$1000${in_base64(SALT)}${in_base64(KEY[1:])}",
}


def test_the_verification_lets_each_hash_arrive_as_it_is_spelled_and_no_other():
    for text, spelled in SPELLINGS.items():
        assert password_fits(text, mangled=False, new=spelled), text
        assert not password_fits(text, mangled=False, new=spelled[:-1] + "/"), text
    for text, spelled in NEVER_TRIED.items():
        assert converted(text) is None, text
        assert [password_fits(text, mangled=False, new=new) for new in (spelled, "!")] == [False, True], text


def scrypt(cost: int, block: int, parallel: int) -> str:
    return f"scrypt:{cost}:{block}:{parallel}$s${LONG.hex()}"


def bcrypt(rounds: int) -> str:
    return BCRYPT.replace("$04$", f"${rounds:02}$")


def pbkdf2(rounds: int) -> str:
    return f"pbkdf2:sha512:{rounds}$s${LONG.hex()}"


def test_the_verification_insists_on_hashes_of_a_usual_cost():
    usual = (
        *(
            scrypt(1_024, 8, 1),
            scrypt(32_768, 8, 1),
            scrypt(32_768, 1, 1),
            bcrypt(4),
            bcrypt(12),
            "0F" * 16,
            "0f" * 16,
        ),
        *(f"pbkdf2:sha512:2000000$s${LONG.hex()}", aspnet_3(2, 2_000_000, SALT, KEY), aspnet_3(0, 1, SALT, KEY)),
        *(f"sha1$${LONG[:20].hex()}", "0F" * 20, "0f" * 32, f"$pbkdf2$2000000$AAAA${'A' * 27}"),
        f"pbkdf2:sha1:2000000${'0A' * 8}${'0F' * 20}",
        *(scrypt(1_024, 8, 1), scrypt(32_768, 8, 1), scrypt(32_768, 1, 1), bcrypt(4), bcrypt(12)),
        *(pbkdf2(1), pbkdf2(2_000_000), aspnet_3(2, 2_000_000, SALT, KEY), aspnet_3(0, 1, SALT, KEY)),
        *(f"pbkdf2:sha1:1${'0A' * 8}${'0F' * 20}", f"$pbkdf2$1$AA${'A' * 27}"),
        *("0F" * 16, "0f" * 16, f"sha1$${LONG[:20].hex()}", ASPNET),
    )
    others = (
        *(f"pbkdf2:sha1:2000001${'0A' * 8}${'0F' * 20}", f"$pbkdf2$2000001$AAAA${'A' * 27}", "0F" * 19 + "0f"),
        *(f"$pbkdf2$9$AB${'A' * 27}", f"$pbkdf2$9$A${'A' * 27}", f"$pbkdf2$9${'A' * 1_368}${'A' * 27}"),
        *(scrypt(512, 8, 1), scrypt(65_536, 8, 1), scrypt(1_024, 9, 1), scrypt(1_024, 8, 2), bcrypt(3), bcrypt(13)),
        *(pbkdf2(2_000_001), aspnet_3(2, 2_000_001, SALT, KEY), aspnet_3(2, 0, SALT, KEY)),
        *(aspnet_3(0, 9, LONG_SALT, KEY), aspnet_3(0, 9, SALT[1:], KEY)),
        *(aspnet_3(0, 9, SALT, KEY[1:]), aspnet_3(0, 9, SALT, KEY + b"1")),
        *("0F" * 8 + "0f" * 8, BCRYPT.replace("HjO", "HjP"), BCRYPT.replace("HjO", "HjX")),
    )
    assert [text for text in usual if converted(text) is None] == []
    assert [text for text in usual if password_fits(text, mangled=False, new="!")] == []
    assert [text for text in usual if not password_fits(text, mangled=True, new="!")] == []
    assert [text for text in others if not password_fits(text, mangled=False, new="!")] == []


def test_the_verification_bears_with_what_another_release_may_decide_otherwise():
    """Between a usual cost and one without end, and where a hash can be read and is not spelled as its makers do."""
    scrypts = ((1_048_576, 8, 1), (2, 41, 100_000), (2, 100_000, 41))
    one_more = SALT + b"1"
    either = {
        **{scrypt(n, r, p): f"scrypt${n}$s${r}${p}${in_base64(LONG)}" for n, r, p in scrypts},
        **{text: f"bcrypt${text}" for text in (bcrypt(17), *(BCRYPT.replace("HjO", f"Hj{end}") for end in "0zZ"))},
        pbkdf2(HANGING_ROUNDS): f"pbkdf2_sha512${HANGING_ROUNDS}$s${in_base64(LONG)}",
        aspnet_3(2, HANGING_ROUNDS, SALT, KEY): (
            f"aspnet_identity$sha512${HANGING_ROUNDS}${in_base64(SALT)}${in_base64(KEY)}"
        ),
        aspnet_3(1, 9, one_more, KEY) + "=": f"aspnet_identity$sha256$9${in_base64(one_more)}${in_base64(KEY)}",
        **{
            text.replace("w==", end): SPELLINGS[text]
            for text in (ASPNET, aspnet_3(0, 9, SALT, KEY))
            for end in ("0==", "x==")
        },
        f"$pbkdf2${HANGING_ROUNDS}${'A' * 1_366}${'A' * 27}": (
            f"pbkdf2_bytes$sha1${HANGING_ROUNDS}${in_base64(bytes(1_024))}${'A' * 27}="
        ),
        f"$pbkdf2$9$A0${'A' * 27}": f"pbkdf2_bytes$sha1$9$Aw==${'A' * 27}=",
        f"$pbkdf2$9$AB${'A' * 27}": f"pbkdf2_bytes$sha1$9$AA==${'A' * 27}=",
        aspnet_3(0, 9, SALT[1:], KEY): f"aspnet_identity$sha1$9${in_base64(SALT[1:])}${in_base64(KEY)}",
    }
    for text, spelled in either.items():
        assert [password_fits(text, mangled=False, new=new) for new in (spelled, "!")] == [True, True], text


CLEAR = "open sesame"


def cheap(rounds: str, salt: str = "s") -> str:
    key = hashlib.pbkdf2_hmac("sha256", CLEAR.encode(), salt.encode(), int(rounds) or 1)
    return f"pbkdf2_sha256${rounds}${salt}${in_base64(key)}"


def around(encoded: str, rounds: str = "100000", salt: str = "s", key: str = f"{ENDS * 7}+"[:43]) -> str:
    return f"pbkdf2_sha256_over${rounds}${salt}${key}=${encoded.rpartition('$')[0]}"


def test_the_verification_knows_what_is_made_of_a_password_in_clear_and_of_a_weak_hash():
    weak = "sha1$a\nb$" + "0f" * 20
    right = (
        *((CLEAR, cheap("1")), (CLEAR, cheap("99999")), (CLEAR, around(cheap("1"))), (CLEAR, around(cheap("99999")))),
        *((weak, around(f"werkzeug_{weak}")), (weak, around(f"werkzeug_{weak}", key="/" * 43))),
        (ASPNET, around(SPELLINGS[ASPNET])),
    )
    wrong = (
        *((CLEAR, cheap(rounds)) for rounds in ("0", "01", "100000")),
        *((CLEAR, around(cheap(rounds))) for rounds in ("0", "01", "100000")),
        *((CLEAR, cheap("1", salt="")), (CLEAR, around(cheap("1", salt="")))),
        *((weak, around(f"werkzeug_{weak}", rounds=rounds)) for rounds in ("99999", "0100000")),
        *((weak, around(f"werkzeug_{weak}", salt="")), (weak, around("werkzeug_sha1$a\na$"))),
        # Nor is what Django cannot read kept as it is.
        *((text, text) for text in ("pbkdf2_sha1$9$$k", "pbkdf2_sha1$9$s$", "pbkdf2_sha1$$s$k", "scrypt$$s")),
        *((text, text) for text in ("scrypt$2$", "bcrypt$$2b$04$")),
    )
    assert [(text, new) for text, new in right if not password_fits(text, mangled=False, new=new)] == []
    assert [(text, new) for text, new in wrong if password_fits(text, mangled=False, new=new)] == []
