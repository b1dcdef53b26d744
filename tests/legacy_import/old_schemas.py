"""The old databases of other programs: how their authors, or their libraries, name tables and columns."""

import sqlite3
from pathlib import Path

HASH = "pbkdf2:sha256:50000$salt$" + "ab" * 32

# What every schema below tells: three people (ids 1, 2, 5), two messages (one flagged), two follows.
FLASK = f"""
CREATE TABLE user (user_id integer primary key autoincrement, username string not null, email string not null,
    pw_hash string not null);
CREATE TABLE follower (who_id integer, whom_id integer);
CREATE TABLE message (message_id integer primary key autoincrement, author_id integer not null,
    text string not null, pub_date integer, flagged integer);
INSERT INTO user VALUES (1, 'ann', 'ann@example.com', '{HASH}'), (2, 'bob', 'bob@example.com', '{HASH}'),
    (5, 'eve', 'eve@example.com', '{HASH}');
INSERT INTO message VALUES (1, 1, 'hello', 1600000000, 0), (2, 2, 'spam', 1600000060, 1);
INSERT INTO follower VALUES (1, 2), (2, 1);
"""

SCHEMAS = {
    "gorm": f"""
CREATE TABLE users (id integer PRIMARY KEY AUTOINCREMENT, created_at datetime, updated_at datetime,
    deleted_at datetime, username text, email text, pw_hash text);
CREATE TABLE messages (id integer PRIMARY KEY AUTOINCREMENT, created_at datetime, updated_at datetime,
    deleted_at datetime, author_id integer, text text, pub_date integer, flagged numeric);
CREATE TABLE followers (who_id integer, whom_id integer, PRIMARY KEY (who_id, whom_id));
INSERT INTO users VALUES (1, '2024-01-01', NULL, NULL, 'ann', 'ann@example.com', '{HASH}'),
    (2, NULL, NULL, NULL, 'bob', 'bob@example.com', '{HASH}'),
    (5, NULL, NULL, NULL, 'eve', 'eve@example.com', '{HASH}');
INSERT INTO messages VALUES (1, '2024-01-01', NULL, NULL, 1, 'hello', 1600000000, 0),
    (2, NULL, NULL, NULL, 2, 'spam', 1600000060, 1);
INSERT INTO followers VALUES (1, 2), (2, 1);
""",
    "gorm with its own dates and a join table": f"""
CREATE TABLE users (user_id integer PRIMARY KEY, username text, email text, password text);
CREATE TABLE messages (message_id integer PRIMARY KEY, user_id integer, content text, created_at integer,
    flagged numeric);
CREATE TABLE user_followers (user_id integer, follower_id integer, PRIMARY KEY (user_id, follower_id));
INSERT INTO users VALUES (1, 'ann', 'ann@example.com', '{HASH}'), (2, 'bob', 'bob@example.com', '{HASH}'),
    (5, 'eve', 'eve@example.com', '{HASH}');
INSERT INTO messages VALUES (1, 1, 'hello', 1600000000, 0), (2, 2, 'spam', 1600000060, 1);
INSERT INTO user_followers VALUES (2, 1), (1, 2);
""",
    "sqlalchemy": f"""
CREATE TABLE users (id INTEGER NOT NULL, username VARCHAR(80) NOT NULL, email VARCHAR(120) NOT NULL,
    password_hash VARCHAR(128) NOT NULL, PRIMARY KEY (id), UNIQUE (username));
CREATE TABLE messages (id INTEGER NOT NULL, text VARCHAR NOT NULL, pub_date INTEGER, flagged BOOLEAN,
    author_id INTEGER NOT NULL, PRIMARY KEY (id), FOREIGN KEY(author_id) REFERENCES users (id));
CREATE TABLE follows (follower_id INTEGER, followed_id INTEGER);
INSERT INTO users VALUES (1, 'ann', 'ann@example.com', '{HASH}'), (2, 'bob', 'bob@example.com', '{HASH}'),
    (5, 'eve', 'eve@example.com', '{HASH}');
INSERT INTO messages VALUES (1, 'hello', 1600000000, 0, 1), (2, 'spam', 1600000060, 1, 2);
INSERT INTO follows VALUES (1, 2), (2, 1);
""",
    "prisma": f"""
CREATE TABLE "User" ("id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "username" TEXT NOT NULL,
    "email" TEXT NOT NULL, "pwHash" TEXT NOT NULL);
CREATE TABLE "Message" ("id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "authorId" INTEGER NOT NULL,
    "text" TEXT NOT NULL, "pubDate" INTEGER NOT NULL, "flagged" BOOLEAN NOT NULL);
CREATE TABLE "Follower" ("whoId" INTEGER NOT NULL, "whomId" INTEGER NOT NULL, PRIMARY KEY ("whoId", "whomId"));
INSERT INTO "User" VALUES (1, 'ann', 'ann@example.com', '{HASH}'), (2, 'bob', 'bob@example.com', '{HASH}'),
    (5, 'eve', 'eve@example.com', '{HASH}');
INSERT INTO "Message" VALUES (1, 1, 'hello', 1600000000, 0), (2, 2, 'spam', 1600000060, 1);
INSERT INTO "Follower" VALUES (1, 2), (2, 1);
""",
    "entity framework": f"""
CREATE TABLE "__EFMigrationsHistory" ("MigrationId" TEXT PRIMARY KEY, "ProductVersion" TEXT NOT NULL);
CREATE TABLE "Authors" ("AuthorId" INTEGER NOT NULL CONSTRAINT "PK_Authors" PRIMARY KEY AUTOINCREMENT,
    "Name" TEXT NOT NULL, "Email" TEXT NOT NULL, "PwHash" TEXT NOT NULL);
CREATE TABLE "Cheeps" ("CheepId" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "AuthorId" INTEGER NOT NULL,
    "Text" TEXT NOT NULL, "TimeStamp" TEXT NOT NULL, "IsFlagged" INTEGER NOT NULL);
CREATE TABLE "AuthorAuthor" ("FollowersAuthorId" INTEGER NOT NULL, "FollowingAuthorId" INTEGER NOT NULL,
    PRIMARY KEY ("FollowersAuthorId", "FollowingAuthorId"));
INSERT INTO "__EFMigrationsHistory" VALUES ('20231001_Initial', '7.0.11');
INSERT INTO "Authors" VALUES (1, 'ann', 'ann@example.com', '{HASH}'), (2, 'bob', 'bob@example.com', '{HASH}'),
    (5, 'eve', 'eve@example.com', '{HASH}');
INSERT INTO "Cheeps" VALUES (1, 1, 'hello', '2020-09-13 12:26:40', 0), (2, 2, 'spam', '2020-09-13 12:27:40', 1);
INSERT INTO "AuthorAuthor" VALUES (1, 2), (2, 1);
""",
    "sequelize": f"""
CREATE TABLE `Users` (`id` INTEGER PRIMARY KEY AUTOINCREMENT, `username` VARCHAR(255), `email` VARCHAR(255),
    `password` VARCHAR(255), `createdAt` DATETIME NOT NULL, `updatedAt` DATETIME NOT NULL);
CREATE TABLE `Messages` (`id` INTEGER PRIMARY KEY AUTOINCREMENT, `userId` INTEGER, `content` TEXT,
    `isFlagged` TINYINT(1), `createdAt` DATETIME NOT NULL, `updatedAt` DATETIME NOT NULL);
CREATE TABLE `Follows` (`followerId` INTEGER, `followingId` INTEGER, `createdAt` DATETIME);
INSERT INTO `Users` VALUES (1, 'ann', 'ann@example.com', '{HASH}', '2024-01-01', '2024-01-01'),
    (2, 'bob', 'bob@example.com', '{HASH}', '2024-01-01', '2024-01-01'),
    (5, 'eve', 'eve@example.com', '{HASH}', '2024-01-01', '2024-01-01');
INSERT INTO `Messages` VALUES (1, 1, 'hello', 0, '2020-09-13 12:26:40.000+00:00', '2024-01-01'),
    (2, 2, 'spam', 1, '2020-09-13 12:27:40.000+00:00', '2024-01-01');
INSERT INTO `Follows` VALUES (1, 2, '2024-01-01'), (2, 1, '2024-01-01');
""",
    "diesel, with a typo and without keys": f"""
CREATE TABLE users (user_id INTEGER NOT NULL PRIMARY KEY, username TEXT NOT NULL, email TEXT NOT NULL,
    pw_hash TEXT NOT NULL);
CREATE TABLE messages (message_id INTEGER, author_id INTEGER NOT NULL, text TEXT NOT NULL, pub_date INTEGER,
    flagged INTEGER);
CREATE TABLE followers (who_id INTEGER, wohom_id INTEGER);
INSERT INTO users VALUES (1, 'ann', 'ann@example.com', '{HASH}'), (2, 'bob', 'bob@example.com', '{HASH}'),
    (5, 'eve', 'eve@example.com', '{HASH}');
INSERT INTO messages VALUES (2, 2, 'spam', 1600000060, 1), (1, 1, 'hello', 1600000000, 0);
INSERT INTO followers VALUES (1, 2), (2, 1);
""",
    "hibernate": f"""
CREATE TABLE app_user (id bigint not null, name varchar(255), email_address varchar(255), password varchar(255),
    primary key (id));
CREATE TABLE message_entity (id bigint not null, author_id bigint, content varchar(255), publish_date bigint,
    is_flagged boolean, primary key (id));
CREATE TABLE app_user_following (app_user_id bigint not null, following_id bigint not null);
INSERT INTO app_user VALUES (1, 'ann', 'ann@example.com', '{HASH}'), (2, 'bob', 'bob@example.com', '{HASH}'),
    (5, 'eve', 'eve@example.com', '{HASH}');
INSERT INTO message_entity VALUES (1, 1, 'hello', 1600000000000, 0), (2, 2, 'spam', 1600000060000, 1);
INSERT INTO app_user_following VALUES (1, 2), (2, 1);
""",
    "people by their names": f"""
CREATE TABLE USERS (UserId INTEGER PRIMARY KEY, UserName TEXT, E_Mail TEXT, PasswordHash TEXT);
CREATE TABLE TWEETS (TweetId INTEGER PRIMARY KEY, Author TEXT, Message TEXT, "Timestamp" INTEGER, Flagged INTEGER);
CREATE TABLE FOLLOWS (Follower TEXT, Followed TEXT);
INSERT INTO USERS VALUES (1, 'ann', 'ann@example.com', '{HASH}'), (2, 'bob', 'bob@example.com', '{HASH}'),
    (5, 'eve', 'eve@example.com', '{HASH}');
INSERT INTO TWEETS VALUES (1, 'ann', 'hello', 1600000000, 0), (2, 'bob', 'spam', 1600000060, 1);
INSERT INTO FOLLOWS VALUES ('ann', 'bob'), ('bob', 'ann');
""",
    "ids stored as text, tables without row ids": f"""
CREATE TABLE accounts (id TEXT PRIMARY KEY, login TEXT, mail TEXT, pass TEXT) WITHOUT ROWID;
CREATE TABLE posts (post_id TEXT, user_id TEXT, body TEXT, created TEXT, flag TEXT);
CREATE TABLE following (follower TEXT, followee TEXT, PRIMARY KEY (follower, followee)) WITHOUT ROWID;
INSERT INTO accounts VALUES ('1', 'ann', 'ann@example.com', '{HASH}'), ('2', 'bob', 'bob@example.com', '{HASH}'),
    ('5', 'eve', 'eve@example.com', '{HASH}');
INSERT INTO posts VALUES ('2', '2', 'spam', '1600000060', '1'), ('1', '1', 'hello', '1600000000', '0');
INSERT INTO following VALUES ('1', '2'), ('2', '1');
""",
    "gorm, with ids of its own beside the key": f"""
CREATE TABLE users (id integer PRIMARY KEY, user_id integer, username text, email text, pw_hash text);
CREATE TABLE messages (id integer PRIMARY KEY, author_id integer, text text, flagged numeric, message_id integer,
    published_date integer);
CREATE TABLE followers (id integer PRIMARY KEY, who_id integer, whom_id integer);
INSERT INTO users VALUES (1, 0, 'ann', 'ann@example.com', '{HASH}'), (2, 0, 'bob', 'bob@example.com', '{HASH}'),
    (5, 0, 'eve', 'eve@example.com', '{HASH}');
INSERT INTO messages VALUES (1, 1, 'hello', 0, 0, 1600000000), (2, 2, 'spam', 1, 0, 1600000060);
INSERT INTO followers VALUES (1, 1, 2), (2, 2, 1);
""",
    "django": f"""
CREATE TABLE django_migrations (id integer PRIMARY KEY, app varchar(255), name varchar(255), applied datetime);
CREATE TABLE auth_group (id integer PRIMARY KEY, name varchar(150));
CREATE TABLE auth_user_groups (id integer PRIMARY KEY, user_id integer, group_id integer);
CREATE TABLE auth_user (id integer PRIMARY KEY AUTOINCREMENT, password varchar(128), last_login datetime,
    is_superuser bool, username varchar(150), last_name varchar(150), email varchar(254), is_staff bool);
CREATE TABLE minitwit_message (id integer PRIMARY KEY AUTOINCREMENT, text text, pub_date datetime, flagged integer,
    user_id integer);
CREATE TABLE minitwit_follower (id integer PRIMARY KEY AUTOINCREMENT, who_id_id integer, whom_id_id integer);
INSERT INTO auth_user VALUES (1, '{HASH}', NULL, 1, 'ann', '', 'ann@example.com', 1),
    (2, '{HASH}', NULL, 0, 'bob', '', 'bob@example.com', 0), (5, '{HASH}', NULL, 0, 'eve', '', 'eve@example.com', 0);
INSERT INTO minitwit_message VALUES (1, 'hello', '2020-09-13 12:26:40', 0, 1),
    (2, 'spam', '2020-09-13 12:27:40.000000', 1, 2);
INSERT INTO minitwit_follower VALUES (1, 1, 2), (2, 2, 1);
""",
    "the port to django, whose keys are called ids": f"""
CREATE TABLE "MiniTwit_user" (id integer PRIMARY KEY AUTOINCREMENT, password varchar(128), last_login datetime,
    is_superuser bool, username varchar(150), first_name varchar(150), email varchar(254), is_staff bool);
CREATE TABLE "MiniTwit_message" (message_id integer PRIMARY KEY, text text, pub_date datetime, flagged integer,
    author_id_id bigint REFERENCES "MiniTwit_user" (id));
CREATE TABLE "MiniTwit_follower" (id integer PRIMARY KEY, who_id_id bigint REFERENCES "MiniTwit_user" (id),
    whom_id_id bigint REFERENCES "MiniTwit_user" (id));
INSERT INTO "MiniTwit_user" VALUES (1, '{HASH}', NULL, 1, 'ann', '', 'ann@example.com', 1),
    (2, '{HASH}', NULL, 0, 'bob', '', 'bob@example.com', 0), (5, '{HASH}', NULL, 0, 'eve', '', 'eve@example.com', 0);
INSERT INTO "MiniTwit_message" VALUES (1, 'hello', '2020-09-13 12:26:40', 0, 1),
    (2, 'spam', '2020-09-13 12:27:40.000000', 1, 2);
INSERT INTO "MiniTwit_follower" VALUES (1, 1, 2), (2, 2, 1);
""",
    "asp.net identity with names, addresses and dates in other columns": f"""
CREATE TABLE "AspNetUsers" ("Id" INTEGER PRIMARY KEY, "UserName" TEXT, "Name" TEXT, "Email" TEXT,
    "EmailAddress" TEXT, "PasswordHash" TEXT);
CREATE TABLE "Cheeps" ("CheepId" INTEGER PRIMARY KEY, "AuthorId" INTEGER, "Text" TEXT, "PubDate" TEXT,
    "TimeStamp" TEXT, "IsFlagged" INTEGER);
CREATE TABLE "Follows" ("FollowerId" INTEGER, "FolloweeId" INTEGER);
INSERT INTO "AspNetUsers" VALUES (1, NULL, 'ann', NULL, 'ann@example.com', '{HASH}'),
    (2, NULL, 'bob', '', 'bob@example.com', '{HASH}'), (5, 'eve', 'eve', NULL, 'eve@example.com', '{HASH}');
INSERT INTO "Cheeps" VALUES (1, 1, 'hello', NULL, '2020-09-13 12:26:40', 0),
    (2, 2, 'spam', '', '2020-09-13 12:27:40', 1);
INSERT INTO "Follows" VALUES (1, 2), (2, 1);
""",
    "entity framework with a second author, and users of another application": f"""
CREATE TABLE "AspNetUsers" ("Key" INTEGER UNIQUE, "AuthorId" INTEGER, "UserName" TEXT, "Email" TEXT,
    "PasswordHash" TEXT);
CREATE TABLE "Cheeps" ("CheepId" INTEGER PRIMARY KEY, "AuthorId" INTEGER, "AuthorId1" INTEGER
    REFERENCES "AspNetUsers" ("Key"), "Text" TEXT, "TimeStamp" TEXT, "IsFlagged" INTEGER);
CREATE TABLE "Follows" ("FollowerId" INTEGER REFERENCES "AspNetUsers" ("Key"), "FolloweeId" INTEGER
    REFERENCES "AspNetUsers" ("Key"));
CREATE TABLE shop_accounts (id INTEGER PRIMARY KEY, username TEXT, email TEXT, password TEXT);
INSERT INTO "AspNetUsers" VALUES (1, 11, 'ann', 'ann@example.com', '{HASH}'),
    (2, 12, 'bob', 'bob@example.com', '{HASH}'), (5, 15, 'eve', 'eve@example.com', '{HASH}');
INSERT INTO "Cheeps" VALUES (1, 15, 1, 'hello', '2020-09-13 12:26:40', 0),
    (2, 11, 2, 'spam', '2020-09-13 12:27:40', 1);
INSERT INTO "Follows" VALUES (1, 2), (2, 1);
INSERT INTO shop_accounts VALUES (1, 'zoe', 'zoe@example.com', '{HASH}'), (2, 'yan', 'yan@example.com', '{HASH}');
""",
    "asp.net identity with whole numbers": f"""
CREATE TABLE "AspNetRoles" ("Id" INTEGER PRIMARY KEY, "Name" TEXT);
CREATE TABLE "AspNetUsers" ("Id" INTEGER PRIMARY KEY AUTOINCREMENT, "AuthorId" INTEGER, "Name" TEXT, "UserName" TEXT,
    "Email" TEXT, "PasswordHash" TEXT, "SecurityStamp" TEXT, "PhoneNumber" TEXT);
CREATE TABLE "Messages" ("Id" INTEGER PRIMARY KEY AUTOINCREMENT, "Text" TEXT, "PublishDate" TEXT, "IsFlagged" INTEGER,
    "AuthorId" INTEGER);
CREATE TABLE "UserFollows" ("FollowerId" INTEGER, "FolloweeId" INTEGER);
INSERT INTO "AspNetUsers" VALUES (1, 0, NULL, 'ann', 'ann@example.com', '{HASH}', 'STAMP', NULL),
    (2, 0, NULL, 'bob', 'bob@example.com', '{HASH}', 'STAMP', NULL),
    (5, 0, NULL, 'eve', 'eve@example.com', '{HASH}', 'STAMP', NULL);
INSERT INTO "Messages" VALUES (1, 'hello', '2020-09-13 12:26:40', 0, 1), (2, 'spam', '2020-09-13 12:27:40', 1, 2);
INSERT INTO "UserFollows" VALUES (1, 2), (2, 1);
""",
    "prefixes before every name": f"""
CREATE TABLE tbl_users (userID INTEGER PRIMARY KEY, userName TEXT, userEmail TEXT, userPass TEXT);
CREATE TABLE tbl_tweets (tweetID INTEGER PRIMARY KEY, userID INTEGER, tweetText TEXT, tweetDate TEXT, flag INTEGER);
CREATE TABLE tbl_follow (followerID INTEGER, followingID INTEGER);
INSERT INTO tbl_users VALUES (1, 'ann', 'ann@example.com', '{HASH}'), (2, 'bob', 'bob@example.com', '{HASH}'),
    (5, 'eve', 'eve@example.com', '{HASH}');
INSERT INTO tbl_tweets VALUES (1, 1, 'hello', '1600000000', 0), (2, 2, 'spam', '1600000060', 1);
INSERT INTO tbl_follow VALUES (1, 2), (2, 1);
""",
    "the sides of a follow told by one name alone": f"""
CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, username TEXT, bio TEXT, password TEXT);
CREATE TABLE messages (id INTEGER PRIMARY KEY, text VARCHAR(140), timestamp DATETIME, user_id INTEGER, flagged BOOL);
CREATE TABLE follows (user_being_followed_id INTEGER, user_following_id INTEGER);
CREATE TABLE likes (id INTEGER PRIMARY KEY, user_id INTEGER, message_id INTEGER);
INSERT INTO users VALUES (1, 'ann@example.com', 'ann', NULL, '{HASH}'), (2, 'bob@example.com', 'bob', NULL, '{HASH}'),
    (5, 'eve@example.com', 'eve', NULL, '{HASH}');
INSERT INTO messages VALUES (1, 'hello', '2020-09-13 12:26:40', 1, 0), (2, 'spam', '2020-09-13 12:27:40', 2, 1);
INSERT INTO follows VALUES (1, 2), (2, 1);
INSERT INTO likes VALUES (1, 1, 2);
""",
    "the table before the column's name": f"""
CREATE TABLE Author (id number PRIMARY KEY, name varchar(140), email text, password text);
CREATE TABLE Message (id number PRIMARY KEY, idAuthor number, message varchar(140), date_posted timestamp, flag int);
CREATE TABLE Follow (idAuthor number, idFollower number);
INSERT INTO Author VALUES (1, 'ann', 'ann@example.com', '{HASH}'), (2, 'bob', 'bob@example.com', '{HASH}'),
    (5, 'eve', 'eve@example.com', '{HASH}');
INSERT INTO Message VALUES (1, 1, 'hello', 1600000000000, 0), (2, 2, 'spam', 1600000060000, 1);
INSERT INTO Follow VALUES (1, 2), (2, 1);
""",
    "members and their statuses": f"""
CREATE TABLE members (member_id integer PRIMARY KEY, username text, email text, password text);
CREATE TABLE statuses (status_id integer PRIMARY KEY, member_id integer, status text, ts integer, flagged integer);
CREATE TABLE friendships (follower_id integer, followed_id integer);
INSERT INTO members VALUES (1, 'ann', 'ann@example.com', '{HASH}'), (2, 'bob', 'bob@example.com', '{HASH}'),
    (5, 'eve', 'eve@example.com', '{HASH}');
INSERT INTO statuses VALUES (1, 1, 'hello', 1600000000, 0), (2, 2, 'spam', 1600000060, 1);
INSERT INTO friendships VALUES (1, 2), (2, 1);
""",
    "a person's tweets": f"""
CREATE TABLE person (id integer PRIMARY KEY, username text, mail text, password text);
CREATE TABLE tweet (id_tweet integer PRIMARY KEY, person_id integer, text_content text, date_sent datetime,
    flagged integer);
CREATE TABLE follow (id_follower integer, id_followed integer);
INSERT INTO person VALUES (1, 'ann', 'ann@example.com', '{HASH}'), (2, 'bob', 'bob@example.com', '{HASH}'),
    (5, 'eve', 'eve@example.com', '{HASH}');
INSERT INTO tweet VALUES (1, 1, 'hello', '2020-09-13 12:26:40', 0), (2, 2, 'spam', '2020-09-13 12:27:40', 1);
INSERT INTO follow VALUES (1, 2), (2, 1);
""",
    "spring with a join table": f"""
CREATE TABLE user_entity (id bigint PRIMARY KEY, email varchar(255), password varchar(255), username varchar(255));
CREATE TABLE message_entity (id bigint PRIMARY KEY, content varchar(255), flagged boolean, publish_date timestamp,
    user_id bigint);
CREATE TABLE user_entity_following (user_entity_id bigint, following_id bigint);
INSERT INTO user_entity VALUES (1, 'ann@example.com', '{HASH}', 'ann'), (2, 'bob@example.com', '{HASH}', 'bob'),
    (5, 'eve@example.com', '{HASH}', 'eve');
INSERT INTO message_entity VALUES (1, 'hello', 0, 1600000000000, 1), (2, 'spam', 1, 1600000060000, 2);
INSERT INTO user_entity_following VALUES (1, 2), (2, 1);
""",
}


def write_script(path: Path, script: str) -> Path:
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.close()
    return path
