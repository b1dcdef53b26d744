"""Whatever stands in the password column: signing in and the pages go on working, and nothing wrong verifies."""

import base64
import hashlib
from typing import ClassVar

import bcrypt
import pytest
from django.contrib.auth.forms import ReadOnlyPasswordHashWidget
from django.contrib.auth.hashers import check_password, identify_hasher, make_password, verify_password
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from MiniTwit.hashers import hardened, is_verifiable, is_weak
from MiniTwit.hashers.hardened import HardenedPasswordHasher
from MiniTwit.hashers.strict import (
    BCryptSHA256PasswordHasher,
    PBKDF2SHA256PasswordHasher,
    ScryptPasswordHasher,
)
from MiniTwit.models import User
from tests.MiniTwit.factories import make_superuser, make_user

PASSWORD = "Grüße, 世界"
BCRYPT = "$2b$04$Mb2tE5rU8iPo1Sd4Fg7HjOtVRzp91idFdc29AsnnuV/lAOHdB1jFa"  # password-442


@pytest.fixture(autouse=True)
def quick_hashers(monkeypatch: pytest.MonkeyPatch) -> None:
    for hasher in (PBKDF2SHA256PasswordHasher, HardenedPasswordHasher):
        monkeypatch.setattr(hasher, "iterations", 100)


def in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def key_of(digest: str, salt: bytes, length: int | None = None) -> str:
    return in_base64(hashlib.pbkdf2_hmac(digest, PASSWORD.encode(), salt, 10, length))


def encodings() -> list[str]:
    """PASSWORD as each hasher stores it; the costs are small."""
    weak = [
        *(make_password(PASSWORD, hasher=f"werkzeug_{name}") for name in ("md5", "sha1", "sha256", "sha512")),
        f"werkzeug_md5$${hashlib.md5(PASSWORD.encode()).hexdigest()}",
        f"aspnet_identity$sha1$10${in_base64(b's' * 16)}${key_of('sha1', b's' * 16, 32)}",
        f"pbkdf2_bytes$sha512$10${in_base64(b's')}${key_of('sha512', b's')}",
        f"pbkdf2_hex$sha256$10${'0F' * 8}${key_of('sha256', bytes([15] * 8))}",
        f"pbkdf2_hex$sha256$10${'0F' * 8}${key_of('sha256', b'0F' * 8)}",
    ]
    pbkdf2 = [PBKDF2SHA256PasswordHasher().encode(PASSWORD, "salt", 10)]
    strong = [hardened(encoded) for encoded in weak + pbkdf2]
    return [*weak, *pbkdf2, *strong, ScryptPasswordHasher().encode(PASSWORD, "salt", 2, 1, 1)]


garbage = st.one_of(
    st.text(max_size=60),
    st.builds(
        "{}${}".format,
        st.sampled_from(
            [
                "pbkdf2_sha256",
                "pbkdf2_sha1",
                "pbkdf2_sha512",
                "scrypt",
                "bcrypt",
                "bcrypt_sha256",
                "werkzeug_sha1",
                "werkzeug_md5",
                "aspnet_identity",
                "pbkdf2_bytes$sha1",
                "pbkdf2_hex$sha256",
                "pbkdf2_sha256_over",
                "md5",
                "sha1",
                "argon2",
            ]
        ),
        st.text(st.sampled_from("$0123456789abcA=+/:.ü\n"), max_size=80),
    ),
    st.sampled_from(
        [
            "pbkdf2_sha256$4000000000$salt$" + base64.b64encode(bytes(32)).decode(),
            "scrypt$1073741824$salt$8$1$" + base64.b64encode(bytes(64)).decode(),
            "bcrypt$$2b$31$" + BCRYPT[7:],
            "bcrypt_sha256$$2b$31$" + BCRYPT[7:],
            f"aspnet_identity$sha512$999999999${'A' * 22}==${'A' * 43}=",
            f"pbkdf2_bytes$sha512$999999999$AA==${'A' * 86}==",
            f"pbkdf2_hex$sha256$999999999${'0F' * 8}${'A' * 43}=",
            f"pbkdf2_sha256_over$999999999$salt${'A' * 43}=$werkzeug_sha1$salt",
            f"pbkdf2_sha256_over$100$salt${'A' * 43}=$pbkdf2_sha256$999999999$salt",
            f"pbkdf2_sha256_over$100$salt${'A' * 43}=$pbkdf2_sha256_over$1$salt",
            f"pbkdf2_sha256_over$100$salt${'A' * 43}=$bcrypt$$2b$04$abc",
            "md5$$" + "0" * 32,
            "sha1$$" + "0" * 40,
            "0" * 32,
        ]
    ),
)
more = settings(max_examples=settings.default.max_examples * 5)  # each takes milliseconds


def look_at(stored: str) -> bool:
    """Do with a stored value what Django does at sign-in and on the account's page; whether the password fits."""
    ReadOnlyPasswordHashWidget().get_context("password", stored, {})
    is_weak(stored)
    try:
        hasher = identify_hasher(stored)
    except ValueError:
        pass
    else:
        assert hasher.must_update(stored) in (True, False)
        assert hasher.safe_summary(stored)
        hasher.harden_runtime(PASSWORD, stored)
    return check_password(PASSWORD, stored)


@more
@given(stored=garbage)
def test_garbage_never_raises_and_never_verifies(stored):
    assert look_at(stored) is False


@more
@given(data=st.data())
def test_a_mangled_value_never_raises_and_never_verifies(data):
    stored = data.draw(st.sampled_from(encodings()))
    start = data.draw(st.integers(0, len(stored)))
    end = data.draw(st.integers(start, min(len(stored), start + 4)))
    mangled = stored[:start] + data.draw(st.text(st.sampled_from("$0aZ=é"), max_size=2)) + stored[end:]
    assert look_at(mangled) is (mangled == stored)


@more
@given(password=st.text(max_size=100))
def test_no_password_is_too_odd_to_be_tried(password):
    for stored in [*encodings(), f"bcrypt${BCRYPT}"]:
        assert check_password(password, stored) is (password == PASSWORD and "bcrypt" not in stored)


def test_every_encoding_verifies_and_is_to_be_replaced():
    for stored in encodings():
        assert verify_password(PASSWORD, stored) == (True, True)
        summary = ReadOnlyPasswordHashWidget().get_context("password", stored, {})["summary"]
        assert summary
        assert identify_hasher(stored).decode(stored)["hash"] not in str(summary)
    assert verify_password(PASSWORD, make_password(PASSWORD)) == (True, False)
    assert verify_password("password-442", f"bcrypt${BCRYPT}") == (True, True)


def base64_of(size: int) -> str:
    return base64.b64encode(bytes(size)).decode()


# The most and the least that a sign-in may cost, and whole digests; beside them what is one step off and refused.
LIMITS = [
    (f"pbkdf2_sha256${{}}$salt${base64_of(32)}", "5000000", ["5000001", "0", "01", "x"]),
    (f"pbkdf2_sha256$1{{}}{base64_of(32)}", "$salt$", ["$$", "$sa$lt$"]),
    ("pbkdf2_sha1$1$salt${}", base64_of(20), [base64_of(19), base64_of(21)]),
    ("pbkdf2_sha256$1$salt${}", base64_of(32), [base64_of(31), base64_of(33)]),
    ("pbkdf2_sha512$1$salt${}", base64_of(64), [base64_of(63), base64_of(65), base64_of(64).replace("A", "!", 1)]),
    (f"scrypt${{}}$salt$8$1${base64_of(64)}", "32768", ["32767", "65536", "1", "0"]),
    (f"scrypt${{}}$salt$1$1${base64_of(64)}", "2", ["1", "02", "3", "65536"]),
    (f"scrypt${{}}$salt$10$10${base64_of(64)}", "1024", ["1000"]),
    (f"scrypt$2$salt${{}}$1${base64_of(64)}", "131072", ["131073", "0"]),  # memory
    (f"scrypt$32768$salt$8${{}}${base64_of(64)}", "8", ["9", "0"]),  # time
    ("scrypt$2$salt$1$1${}", base64_of(64), [base64_of(63), base64_of(65)]),
    (f"scrypt$2$salt$1${{}}${base64_of(64)}", "999999", ["1000000", "0"]),
    (f"scrypt$2{{}}1$1${base64_of(64)}", "$salt$", ["$$"]),
    (f"bcrypt$$2b${{}}{BCRYPT[6:]}", "04", ["03", "15", "4"]),
    (f"bcrypt_sha256$$2b${{}}{BCRYPT[6:]}", "14", ["15", "03"]),
    # The last character of the salt has bits to spare.
    (f"bcrypt$$2b$04${('09AZaz./' * 3)[:21]}{{}}{('09AZaz./' * 4)[:31]}", "u", ["v", "P", ""]),
    (f"aspnet_identity$sha512${{}}${base64_of(16)}${base64_of(32)}", "5000000", ["5000001", "0", "01"]),
    (f"aspnet_identity$sha256$1${{}}${base64_of(32)}", base64_of(64), [base64_of(65), base64_of(15)]),
    (f"aspnet_identity$sha1$1${{}}${base64_of(32)}", base64_of(16), [base64_of(15), base64_of(65)]),
    (f"aspnet_identity$sha1$1${base64_of(16)}${{}}", base64_of(32), [base64_of(31), base64_of(33)]),
    (f"pbkdf2_bytes$sha1${{}}$AA==${base64_of(20)}", "5000000", ["5000001", "0", "01"]),
    (f"pbkdf2_bytes$sha1$1${{}}${base64_of(20)}", base64_of(1_024), [base64_of(1_025), "", "AB==", "A", "s"]),
    ("pbkdf2_bytes$sha512$1$AA==${}", base64_of(64), [base64_of(63), base64_of(32), base64_of(65)]),
    (f"pbkdf2_hex$sha256${{}}${'0F' * 8}${base64_of(32)}", "2500000", ["2500001", "0", "01"]),
    (
        f"pbkdf2_hex$sha256$1${{}}${base64_of(32)}",
        "0f" * 512,
        ["0f" * 513, "0f" * 7, "0f" * 8 + "0", "0F0f" * 4, "x" * 16],
    ),
    (f"pbkdf2_hex$sha256$1${{}}${base64_of(32)}", "0F" * 8, ["0F" * 513, "0F" * 7, "0F" * 8 + "0"]),
    ("werkzeug_md5$${}", "0f" * 16, ["0f" * 15, "0f" * 17, "0F" * 16]),
    ("werkzeug_sha384$salt${}", "0f" * 48, ["0f" * 47, "0f" * 32]),
    (f"pbkdf2_sha256_over${{}}$salt${base64_of(32)}$werkzeug_sha1$salt", "5000000", ["5000001", "0"]),
    ("pbkdf2_sha256_over$1$salt${}$werkzeug_sha1$a\nb", base64_of(32), [base64_of(31), base64_of(33)]),
    (f"pbkdf2_sha256_over$1$salt${base64_of(32)}${{}}", "pbkdf2_sha1$5000000$salt", ["pbkdf2_sha1$5000001$salt"]),
    (f"pbkdf2_sha256_over$1$salt${base64_of(32)}${{}}$salt", "pbkdf2_sha512$5000000", ["pbkdf2_sha512$5000001"]),
    (f"pbkdf2_sha256_over$1{{}}{base64_of(32)}$werkzeug_sha1$salt", "$salt$", ["$$"]),
]


@pytest.mark.parametrize(("form", "most", "refused"), LIMITS)
def test_a_hash_is_tried_if_it_is_whole_and_a_sign_in_can_bear_its_cost(form, most, refused):
    assert is_verifiable(form.format(most))
    assert [text for text in refused if is_verifiable(form.format(text))] == []


def test_a_wrong_password_takes_as_long_for_an_older_hash_of_fewer_iterations():
    class CountingHasher(PBKDF2SHA256PasswordHasher):
        counted: ClassVar[list[int | None]] = []

        def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
            self.counted.append(iterations)
            return super().encode(password, salt, iterations)

    hasher = CountingHasher()
    stored = hasher.encode(PASSWORD, "salt", 10)
    hasher.harden_runtime(PASSWORD, stored)
    hasher.harden_runtime(PASSWORD, stored.replace("$10$", "$5000001$"))
    assert hasher.counted == [10, hasher.iterations - 10]


@pytest.mark.parametrize(
    ("form", "strong", "weak"),
    [
        (f"pbkdf2_sha1${{}}$salt${base64_of(20)}", 1_300_000, 1_299_999),
        (f"pbkdf2_sha256${{}}$salt${base64_of(32)}", 600_000, 599_999),
        (f"pbkdf2_sha512${{}}$salt${base64_of(64)}", 210_000, 209_999),
        (f"aspnet_identity$sha1${{}}${base64_of(16)}${base64_of(32)}", 1_300_000, 1_299_999),
        (f"pbkdf2_bytes$sha256${{}}$AA==${base64_of(32)}", 600_000, 599_999),
        (f"pbkdf2_hex$sha512${{}}${'0F' * 8}${base64_of(64)}", 210_000, 209_999),
        (f"aspnet_identity$sha512${{}}${base64_of(16)}${base64_of(32)}", 210_000, 209_999),
    ],
)
def test_a_hash_is_weak_below_the_iterations_that_owasp_recommends(form, strong, weak):
    assert [is_weak(form.format(iterations)) for iterations in (strong, weak)] == [False, True]


def test_a_digest_of_one_calculation_is_weak_and_garbage_is_not():
    values = ("werkzeug_sha1$salt$" + "0f" * 20, "garbage", f"bcrypt${BCRYPT}")
    assert [is_weak(stored) for stored in values] == [True, False, False]


def test_bcrypt_reads_72_bytes_of_a_password_and_none_with_a_nul_but_all_through_sha_256():
    stored = f"bcrypt${bcrypt.hashpw(b'x' * 72, bcrypt.gensalt(4)).decode()}"
    fits = {"x" * 72: True, "x" * 73: True, "x" * 71: False, "x" * 72 + "\0": False, "\ud800": False}
    assert {password: check_password(password, stored) for password in fits} == fits
    whole = BCryptSHA256PasswordHasher().encode("x" * 73, bcrypt.gensalt(4))
    assert [check_password("x" * length, whole) for length in (72, 73, 74)] == [False, True, False]


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("werkzeug_sha1$pepper$" + "0f" * 20, ["werkzeug_sha1", "pe****", "0f0f0f" + "*" * 34]),
        (
            f"aspnet_identity$sha1$10${base64_of(16)}${base64_of(32)}",
            ["aspnet_identity", "sha1", 10, "AA" + "*" * 22, "AAAAAA" + "*" * 38],
        ),
        (
            f"pbkdf2_hex$sha256$10${'0F' * 8}${base64_of(32)}",
            ["pbkdf2_hex", "sha256", 10, "0F" + "*" * 14, "AAAAAA" + "*" * 38],
        ),
        (
            f"pbkdf2_sha256_over$10$saltsalt${base64_of(32)}$werkzeug_sha1$salt",
            ["pbkdf2_sha256_over", 10, "werkzeug_sha1", "sa******", "AAAAAA" + "*" * 38],
        ),
        (f"bcrypt${BCRYPT}", ["bcrypt", 4, "Mb2tE5****************", "tVRzp9*************************"]),
        (f"scrypt$2$pepper$3$4${base64_of(64)}", ["scrypt", 2, 3, 4, "pepper", "AAAAAA" + "*" * 82]),
        (f"pbkdf2_sha512$9$pepper${base64_of(64)}", ["pbkdf2_sha512", 9, "pepper", "AAAAAA" + "*" * 82]),
        ("werkzeug_sha1$pepper$0f", ["werkzeug_sha1", "damaged: no password matches it"]),
        ("aspnet_identity$sha1", ["aspnet_identity", "damaged: no password matches it"]),
        ("pbkdf2_sha256_over$1", ["pbkdf2_sha256_over", "damaged: no password matches it"]),
        ("scrypt$1", ["scrypt", "damaged: no password matches it"]),
    ],
)
def test_the_page_of_an_account_says_what_kind_of_hash_it_has_and_gives_nothing_away(stored, shown):
    assert list(identify_hasher(stored).safe_summary(stored).values()) == shown


@pytest.mark.django_db
@pytest.mark.parametrize(
    "stored",
    [
        "",
        "garbage",
        "pbkdf2_sha256$",
        "pbkdf2_sha256$x$y$z",
        "bcrypt$$2b$04$short",
        "scrypt$1$2$3",
        "werkzeug_sha1$salt",
        "aspnet_identity$$$$",
        "pbkdf2_sha256_over$1$2$3$4",
        "0" * 32,
    ],
)
def test_the_page_of_an_account_and_its_sign_in_survive_a_damaged_password(client: Client, stored: str) -> None:
    user = make_user("ann", is_staff=True)
    User.objects.filter(pk=user.pk).update(password=stored)
    response = Client().post("/admin/login/", {"username": "ann", "password": PASSWORD})
    assert response.status_code == 200
    assert "_auth_user_id" not in response.wsgi_request.session
    client.force_login(make_superuser())
    assert client.get(f"/admin/MiniTwit/user/{user.pk}/change/").status_code == 200
