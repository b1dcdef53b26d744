"""The three tables as CSV files that are damaged, or not what they seem."""

import random
from pathlib import Path

from tests.legacy_import.hostile.archives import zipped
from tests.legacy_import.hostile.catalogue import healthy, hostile
from tests.legacy_import.hostile.damage import changed, flip
from tests.legacy_import.hostile.foreign_dumps import MEGABYTE, rows_of

HEADINGS = {
    "user": "user_id,username,email,pw_hash",
    "message": "message_id,author_id,text,pub_date,flagged",
    "follower": "who_id,whom_id",
}
TRAPS = (
    '900,1,"never closed,5,0\n',
    '900,1,"odd" text,5,0\n',
    "900,1\n",
    "900,1,x,5,0,more\n",
    "," * MEGABYTE + "\n",
    "900,1," + "x" * 17 * MEGABYTE + ",5,0\n",
    '900,1,"' + "x\n" * 9 * MEGABYTE + '",5,0\n',
    "\0,\0,\0,\0,\0\n",
    "99999999999999999999,-1e999,=1+1,Infinity,NaN\n",
    "\n" * MEGABYTE,
    ",,,,\n" * 100_000,
    '""\n' * 1000,
    "\udcff,\udcfe,\udcfd,5,0\n",
    "message_id,author_id,text,pub_date,flagged\n",
)


def tables(folder: Path) -> dict[str, str]:
    path = healthy(folder)
    return {
        name: "\n".join([headings, *(",".join(map(str, row)) for row in rows_of(path, name)), ""])
        for name, headings in HEADINGS.items()
    }


def packed(folder: Path, files: dict[str, bytes]) -> Path:
    return zipped(folder / "minitwit.zip", {f"{name}.csv": data for name, data in files.items()})


@hostile(files=30)
def flipped_and_truncated_csv(folder: Path, chance: random.Random) -> Path:
    files = {name: bytearray(text.encode()) for name, text in tables(folder).items()}
    data = files[chance.choice([*files])]
    flip(data, chance, 0, len(data), most=chance.choice([1, 5, 50]))
    del data[chance.choice([len(data), chance.randrange(len(data))]) :]
    if chance.random() < 0.3:
        return changed(folder / "users.csv", files["user"])
    return packed(folder, {name: bytes(data) for name, data in files.items()})


@hostile(files=25)
def csv_with_traps(folder: Path, chance: random.Random) -> Path:
    files = tables(folder)
    trap = chance.choice(TRAPS)
    files["message"] = chance.choice([files["message"] + trap, trap + files["message"]])
    return packed(folder, {name: text.encode("utf-8", "surrogateescape") for name, text in files.items()})


@hostile(files=15)
def csv_in_other_forms(folder: Path, chance: random.Random) -> Path:
    """Other encodings and delimiters, headings that are missing, doubled or unknown, two files of one table."""
    files = tables(folder)
    for name in files:
        files[name] = files[name].replace(",", chance.choice([",", ";", "\t", "|"]))
        match chance.randrange(6):
            case 0:
                files[name] = files[name].partition("\n")[2]
            case 1:
                files[name] = files[name].replace("_id", "", 1)
            case 2:
                files[name] = files[name].replace("_", " ", 3).upper()
            case 3:
                files[name] = "sep=;\n" + files[name]
    encoding = chance.choice(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "utf-32"])
    encoded = {name: text.encode(encoding) for name, text in files.items()}
    if chance.random() < 0.3:
        encoded["copy/user"] = encoded["user"]
    return packed(folder, encoded)
