"""What the tables and columns of a MiniTwit are called by the many programs that wrote one.

Names are compared without their case and their punctuation, so that `pub_date`, `PubDate` and `pubDate` are one.
"""

import re

CANONICAL, WELL_KNOWN, LIKELY, UNKNOWN = 3, 2, 1, 0  # how sure a table's name makes us

WELL_KNOWN_TABLES: dict[str, frozenset[str]] = {
    "user": frozenset({"users", "account", "accounts", "author", "authors", "aspnetusers"}),
    "message": frozenset(
        "messages msg msgs tweet tweets twit twits twoot twoots cheep cheeps chirp chirps post posts".split()
    ),
    "follower": frozenset(
        "followers follow follows following followings followed followees userfollower userfollowers userfollow"
        " userfollows authorauthor authorfollows authorfollowers".split()
    ),
}
LIKELY_TABLES: dict[str, re.Pattern[str]] = {
    "user": re.compile(r".*(user|account|author|member|profile|person)s?|people"),
    "message": re.compile(r".*(message|msg|tweet|twit|twoot|cheep|chirp|post|toot|status)(e?s)?"),
    "follower": re.compile(r".*follow.*|relationships?|friendships?|subscriptions?"),
}
TABLE_DECORATION = re.compile(r"^(tbl|t(?=_))|(entity|entities|models?|table|tbl|records?)$")

# The best name first.
COLUMN_NAMES: dict[tuple[str, str], tuple[str, ...]] = {
    ("user", "user_id"): ("userid", "id", "uid", "authorid", "accountid", "pk", "userpk"),
    ("user", "username"): (
        "username name login handle nickname nick screenname displayname loginname authorname user author".split()
    ),
    ("user", "email"): ("email", "emailaddress", "mail", "useremail", "emailaddr", "mailaddress"),
    ("user", "pw_hash"): (
        "pwhash passwordhash pwdhash passhash hashedpassword hashedpw encryptedpassword passworddigest password"
        " passwd pwd pass pw hash userpassword".split()
    ),
    ("message", "message_id"): ("messageid", "id", "msgid", "tweetid", "cheepid", "postid", "twitid", "chirpid", "pk"),
    ("message", "author_id"): (
        "authorid userid author user authoruserid useruserid posterid senderid ownerid creatorid writerid accountid"
        " uid fkauthorid fkuserid username authorname authorusername poster sender owner creator writer"
        " createdby".split()
    ),
    ("message", "text"): (
        "text content body message messagetext messagecontent messagebody contents msg tweet cheep post twit chirp"
        " status txt".split()
    ),
    ("message", "pub_date"): (
        "pubdate publisheddate publishdate publicationdate publishedat pubtime pubtimestamp publishedon createdat"
        " createdon created createddate creationdate createtime creationtime insertedat postedat posteddate posted"
        " timestamp datetime date time messagedate unixtime".split()
    ),
    ("message", "flagged"): ("flagged", "isflagged", "flag", "hidden"),
    ("follower", "who_id"): (
        "whoid who followerid follower followersid followeruserid followerusername followername whousername whoname"
        " sourceid fromid fromuserid".split()
    ),
    ("follower", "whom_id"): (
        "whomid whom wohomid wohom followedid followeeid followed followee followingid following followsid follows"
        " followid follow followeduserid followedusername followedname followingusername whomusername whomname"
        " targetid toid touserid".split()
    ),
}
FOLLOWER_SIDE = re.compile(r"(follower|who(?!m)).*")
FOLLOWED_SIDE = re.compile(r"(followed|followee|following|follows|whom|wohom).*")
ACCOUNT = re.compile(r".*(user|author|account|member|profile)(id|name)?")


def plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def table_likeness(canonical: str, name: str) -> int:
    """How sure a table's name makes us that it is the canonical one: CANONICAL down to UNKNOWN."""
    if name.lower() == canonical:
        return CANONICAL
    bare = plain(TABLE_DECORATION.sub("", name.lower()))
    if bare == canonical or bare in WELL_KNOWN_TABLES[canonical]:
        return WELL_KNOWN
    return LIKELY if LIKELY_TABLES[canonical].fullmatch(bare) else UNKNOWN


def column_rank(canonical: str, column: str, table: str, name: str) -> int | None:
    """The place of a column's name among those by which the canonical column is known; None if it is not."""
    if name.lower() == column:
        return -1
    known = COLUMN_NAMES[canonical, column]
    bare = plain(name)
    stem = re.sub(r"e?s$", "", plain(table))
    # `user_email`, `message_content`: the table's own name stands before the column's.
    candidates = [bare, *(bare.removeprefix(prefix) for prefix in (canonical, stem) if bare != prefix)]
    ranks = [known.index(candidate) for candidate in candidates if candidate in known]
    return min(ranks, default=None)


def is_follow_side(name: str) -> bool:
    """Whether a column's name alone tells that it is one of the two ends of a follow."""
    return bool(FOLLOWER_SIDE.fullmatch(plain(name)) or FOLLOWED_SIDE.fullmatch(plain(name)))
