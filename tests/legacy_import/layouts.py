"""How the programs that wrote old databases declare their tables, for `strategies.py` to fill them with anything."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.legacy_import.old_database import LOOSE_SCHEMA, NULLABLE_SCHEMA


@dataclass(frozen=True)
class Layout:
    """How the tables of an old database are declared, and what a row of each looks like then.

    Attributes:
        schema: the columns of each table. shapes: table -> how a canonical row becomes one of this table.
        called: table -> its name in this layout, where it has another one.
    """

    name: str
    schema: dict[str, str]
    shapes: dict[str, Callable[[tuple], tuple]] = field(default_factory=dict)
    keyed: bool = True
    called: dict[str, str] = field(default_factory=dict)

    def shaped(self, table: str, rows: list[tuple]) -> list[tuple]:
        shape = self.shapes.get(table)
        return [shape(row) for row in rows] if shape else rows


def as_text_id(value: object) -> object:
    """A number as the text that another program would have for an id."""
    return f"0f8fad5b-{value}" if isinstance(value, int) else value


LAYOUTS = (
    Layout("canonical", NULLABLE_SCHEMA),
    Layout("no types, no keys", LOOSE_SCHEMA, keyed=False),
    Layout(
        "no flagged",
        NULLABLE_SCHEMA | {"message": "message_id integer primary key, author_id, text string, pub_date integer"},
        {"message": lambda row: row[:-1]},
    ),
    Layout(
        "more columns and tables",
        {
            "user": f"{NULLABLE_SCHEMA['user']}, is_staff, avatar blob",
            "message": f"{NULLABLE_SCHEMA['message']}, likes integer",
            "follower": "since, " + NULLABLE_SCHEMA["follower"],
            "latest": "command_id integer",
        },
        {
            "user": lambda row: (*row, 1, b"png"),
            "message": lambda row: (*row, 3),
            "follower": lambda row: ("yesterday", *row),
        },
    ),
    Layout(
        "GORM, with empty ids of its own beside the key",
        {
            "user": "id integer primary key, created_at datetime, deleted_at datetime, user_id integer, name text,"
            " email text, pw_hash text",
            "message": "id integer primary key, author_id integer, text text, flagged numeric, message_id integer,"
            " published_date integer, created_at datetime",
            "follower": "id integer primary key, who_id integer, wohom_id integer",
        },
        {
            "user": lambda row: (row[0], "2024-01-01", None, 0, *row[1:]),
            "message": lambda row: (row[0], row[1], row[2], row[4], 0, row[3], "2024-01-01"),
            "follower": lambda row: (None, *row),
        },
        called={"user": "users", "message": "messages", "follower": "followers"},
    ),
    Layout(
        "Entity Framework",
        {
            "user": "AuthorId INTEGER PRIMARY KEY, Name TEXT, Email TEXT, PwHash TEXT",
            "message": "CheepId INTEGER PRIMARY KEY, Text TEXT, TimeStamp TEXT, AuthorId INTEGER, IsFlagged INTEGER",
            "follower": "FollowersAuthorId INTEGER, FollowingAuthorId INTEGER",
            "__EFMigrationsHistory": "MigrationId TEXT, ProductVersion TEXT",
        },
        {"message": lambda row: (row[0], row[2], row[3], row[1], row[4])},
        called={"user": "Authors", "message": "Cheeps", "follower": "AuthorAuthor"},
    ),
    Layout(
        "Django",
        {
            "user": "id integer primary key, password varchar(128), last_login datetime, username varchar(150),"
            " email varchar(254), is_staff bool",
            "message": "id integer primary key, text text, pub_date datetime, flagged int, user_id integer",
            "follower": "id integer primary key, who_id_id integer, whom_id_id integer",
            "django_migrations": "id integer primary key, app, name, applied",
        },
        {
            "user": lambda row: (row[0], row[3], None, row[1], row[2], 1),
            "message": lambda row: (row[0], row[2], row[3], row[4], row[1]),
            "follower": lambda row: (None, *row),
        },
        called={"user": "auth_user", "message": "minitwit_message", "follower": "minitwit_follower"},
    ),
    Layout(
        "the port to Django, whose keys are called ids",
        {
            "user": "id integer primary key, password varchar(128), username varchar(150), email varchar(254)",
            "message": "message_id integer primary key, text text, pub_date datetime, flagged,"
            " author_id_id bigint REFERENCES user (id)",
            "follower": "id integer primary key, who_id_id bigint REFERENCES user (id), whom_id_id bigint",
        },
        {
            "user": lambda row: (row[0], row[3], row[1], row[2]),
            "message": lambda row: (row[0], row[2], row[3], row[4], row[1]),
            "follower": lambda row: (None, *row),
        },
        called={"user": "MiniTwit_user", "message": "MiniTwit_message", "follower": "MiniTwit_follower"},
    ),
    Layout(
        "ids that are texts",
        {
            "user": "Id TEXT PRIMARY KEY, UserName TEXT, Email TEXT, PasswordHash TEXT",
            "message": "CheepId TEXT PRIMARY KEY, AuthorId TEXT REFERENCES user (Id), Text, TimeStamp, IsFlagged",
            "follower": "FollowerId TEXT, FolloweeId TEXT",
        },
        {
            "user": lambda row: (as_text_id(row[0]), *row[1:]),
            "message": lambda row: (*map(as_text_id, row[:2]), *row[2:]),
            "follower": lambda row: (*map(as_text_id, row),),
        },
        called={"user": "AspNetUsers", "message": "Cheeps", "follower": "Follows"},
    ),
    Layout(
        "people without addresses and passwords",
        {
            "user": "id integer primary key, name text",
            "message": "id integer primary key, author text, body text, date text",
            "follower": "follower text, followed text",
        },
        {"user": lambda row: row[:2], "message": lambda row: row[:-1]},
        called={"user": "people", "message": "posts", "follower": "follows"},
    ),
    Layout(
        "two sets of tables, of which the declared one counts",
        {
            "user": "key integer primary key, login, mail, pass",
            "message": "id integer primary key, user_id, written_by REFERENCES user (key), text, date, flag",
            "follower": "follower_id REFERENCES user (key), followed_id REFERENCES user (key)",
            "authors": "id integer primary key, name",
            "tweets": "id integer primary key, author_id REFERENCES authors, text, date",
        },
        {"message": lambda row: (row[0], 0, *row[1:])},
        called={"user": "members", "message": "posts", "follower": "follows"},
    ),
    Layout(
        "prefixes before every name, and no flags",
        {
            "user": "userID INTEGER PRIMARY KEY, userName TEXT, userEmail TEXT, userPass TEXT",
            "message": "tweetID INTEGER PRIMARY KEY, userID INTEGER, tweetText TEXT, tweetDate TEXT",
            "follower": "user_being_followed_id INTEGER, user_following_id INTEGER",
        },
        {"message": lambda row: row[:-1], "follower": lambda row: row[::-1]},
        called={"user": "tbl_users", "message": "tbl_tweets", "follower": "tbl_follows"},
    ),
)
