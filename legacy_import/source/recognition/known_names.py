"""What the tables and columns of a MiniTwit are called by the many programs that wrote one.

Names are compared without their case and their punctuation, so that `pub_date`, `PubDate` and `pubDate` are one.
"""

import re
from functools import lru_cache

CANONICAL, WELL_KNOWN, LIKELY, UNKNOWN = 3, 2, 1, 0  # how sure a table's name makes us


def words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# The best name first.
WELL_KNOWN_TABLES: dict[str, tuple[str, ...]] = {
    "user": ("users", "authors", "author", "aspnetusers", "accounts", "account"),
    "message": words(
        "messages msgs msg tweets tweet cheeps cheep chirps chirp twits twit twoots twoot posts post"
        " murmurs murmur tweeds tweed"
    ),
    "follower": words(
        "followers follows follow following followings followed followees userfollowers userfollower userfollows"
        " userfollow userfollowing authorauthor authorfollows authorfollowers"
    ),
}
LIKELY_TABLES: dict[str, re.Pattern[str]] = {
    "user": re.compile(r".*(user|account|author|member|profile|person)s?|people"),
    "message": re.compile(r".*(message|msg|tweet|twit|twoot|cheep|chirp|post|toot|status)(e?s)?"),
    "follower": re.compile(r".*follow.*|relationships?|friendships?|subscriptions?"),
}
TABLE_DECORATION = re.compile(r"^(tbl|t(?=_))|(entity|entities|models?|table|tbl|records?)$")

COLUMN_NAMES: dict[tuple[str, str], tuple[str, ...]] = {
    ("user", "user_id"): ("userid", "id", "uid", "authorid", "accountid", "pk", "userpk", "uuid", "guid"),
    ("user", "username"): words(
        "username name login handle nickname nick screenname displayname loginname authorname uname userhandle"
        " user author"
    ),
    ("user", "email"): ("email", "emailaddress", "mail", "useremail", "emailaddr", "mailaddress"),
    ("user", "pw_hash"): words(
        "pwhash passwordhash pwdhash passhash hashedpassword hashedpw encryptedpassword passworddigest password"
        " passwd pwd pswd pass pw hash userpassword hashpassword hashedpass"
    ),
    # Those of ("user", "is_active") are in `activity.py`, with what they mean.
    ("user", "date_joined"): words(
        "datejoined joinedat joinedon joindate joined registeredat registeredon registrationdate registered"
        " dateregistered regdate signupdate signedupat signedup signup membersince createdat createdon created"
        " createddate creationdate datecreated createtime creationtime createdtime timecreated insertedat timestamp"
    ),
    ("message", "message_id"): (
        "messageid",
        "id",
        "msgid",
        "tweetid",
        "cheepid",
        "postid",
        "twitid",
        "chirpid",
        "pk",
        "uuid",
        "guid",
    ),
    ("message", "author_id"): words(
        "authorid userid author user authoruserid useruserid posterid senderid ownerid creatorid writerid accountid"
        " uid fkauthorid fkuserid idauthor iduser username authorname authorusername poster sender owner creator"
        " writer createdby postedby memberid personid profileid usrid member person profile usr"
        " userentityid appuserid customuserid twitteruserid createdbyid postedbyid"
    ),
    ("message", "text"): words(
        "text content body message messagetext messagecontent messagebody contents msg tweet cheep post twit chirp"
        " status txt comment description murmur tweed textcontent tweettext tweetcontent posttext postcontent"
        " cheeptext"
    ),
    ("message", "pub_date"): words(
        "pubdate publisheddate publishdate publicationdate publishedat pubtime pubtimestamp publishedon createdat"
        " createdon created createddate creationdate createtime creationtime insertedat postedat posteddate posted"
        " timestamp datetime date time messagedate unixtime dateposted datecreated datepublished dateadded postdate"
        " posttime sentat sent datesent ts createdtime createdtimestamp creationtimestamp publishtime publicationtime"
    ),
    ("message", "flagged"): ("flagged", "isflagged", "flag"),
    ("follower", "who_id"): words(
        "whoid who followerid follower followersid followeruserid followerusername followername whousername whoname"
        " followedbyid followedby subscriberid subscriber"
        " sourceid fromid fromuserid userfromid fromuser userfrom followfromid followfrom idfollower"
    ),
    ("follower", "whom_id"): words(
        "whomid whom wohomid wohom followedid followeeid followed followee followingid following followsid follows"
        " followeduserid followedusername followedname followingusername whomusername whomname"
        " targetid toid touserid usertoid touser userto followtoid followto userbeingfollowedid idfollowed idfollowee"
        " subscribedtoid subscribedto subscribeeid subscribedid"
    ),
}
SECOND_ID = re.compile(r"(?<=id)(id|1)$")
# `followed_by` is who follows.
FOLLOWER_SIDE = re.compile(r"(users?|authors?)?(follower|followedby|who(?!m)).*")
FOLLOWED_SIDE = re.compile(r"(users?|authors?)?(followed(?!by)|followee).*|(following|follows|whom|wohom).*")
# These are one of the two ends; which one, only the other tells.
ACCOUNT = re.compile(r".*(user|author|account|member|profile|person)(entity|model|following)?(id|name)?")
FOLLOWING = re.compile(r"following.*")
# The followed one beside an account; but in most tables the number of the row.
FOLLOW = re.compile(r"follow(id|user|userid)?")


@lru_cache(maxsize=10_000)
def plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def table_likeness(canonical: str, name: str) -> int:
    """How sure a table's name makes us that it is the canonical one: CANONICAL down to UNKNOWN."""
    if name.lower() == canonical:
        return CANONICAL
    bare = _bare_table(name)
    if bare == canonical or bare in WELL_KNOWN_TABLES[canonical]:
        return WELL_KNOWN
    return LIKELY if LIKELY_TABLES[canonical].fullmatch(bare) else UNKNOWN


def best_likeness(name: str) -> int:
    """How sure a table's name makes us that it is one of the canonical ones."""
    return max(table_likeness(canonical, name) for canonical in WELL_KNOWN_TABLES)


def table_rank(canonical: str, name: str) -> int:
    """The place of a table's name among those of the same likeness."""
    known, bare = WELL_KNOWN_TABLES[canonical], _bare_table(name)
    return known.index(bare) if bare in known else len(known)


@lru_cache(maxsize=10_000)
def _bare_table(name: str) -> str:
    return plain(TABLE_DECORATION.sub("", name.lower()))


@lru_cache(maxsize=10_000)
def _stem(table: str) -> str:
    return re.sub(r"e?s$", "", _bare_table(table))


def column_spellings(canonical: str, table: str, name: str) -> set[str]:
    """A column's name as it is compared: alone, and without the table's name before it (`user_email`).

    Django calls the column of a key `author_id` `author_id_id`, and Entity Framework a second one `AuthorId1`.
    """
    bare = SECOND_ID.sub("", plain(name))
    return {bare, *(bare.removeprefix(prefix) for prefix in (canonical, _stem(table)) if bare != prefix)}


def is_follow_side(table: str, name: str) -> bool:
    """Whether a column's name alone tells that it is one of the two ends of a follow."""
    spellings = column_spellings("follower", table, name)
    return any(FOLLOWER_SIDE.fullmatch(spelling) or FOLLOWED_SIDE.fullmatch(spelling) for spelling in spellings)
