#!/usr/bin/env python3
"""Makes kanji-nta.tsv from the tax agency's map, as the package jntajis-python carries it.

    pip download --no-deps jntajis-python==0.1.0
    unzip jntajis_python-0.1.0-*.whl jntajis/_jntajis.h
    python3 kanji_nta.py jntajis/_jntajis.h > kanji-nta.tsv

Run in this folder: kanji-strict.tsv beside it comes first, and nothing that it decides is decided again.
The build reads the table only, never this script. The output depends on the two inputs and nothing else.
"""

import re
import sys
import unicodedata

HEADER = """\
# Strict fold of name kanji, second table: one character to one character. Column 1 becomes column 2.
#
# Source: JIS shrink conversion map (JIS縮退マップ), National Tax Agency of Japan (国税庁),
# published at https://www.houjin-bangou.nta.go.jp/download/ under the licence CC BY 4.0
# (https://creativecommons.org/licenses/by/4.0/deed.ja). Taken from the package jntajis-python 0.1.0.
# Changes: only pairs of one kanji and one kanji are kept whose source lies outside JIS X 0208 and is not
# decided by kanji-strict.tsv, and whose target lies in JIS X 0208 level 1. A target of level 2 that
# kanji-strict.tsv folds into level 1 is replaced by that. Made by kanji_nta.py; do not edit.
#
# This file alone is under CC BY 4.0.
"""

# Two different characters of names. Should the map ever join them, the script stops.
APART = ["玉王", "功切", "書昼", "師帥", "宍肉"]

ENTRY = re.compile(
    r"\{\s*\d+,\s*\{(-?\d+), (-?\d+)\},\s*\{-?\d+, -?\d+\},\s*"
    r"JISCharacterClass_(\w+),\s*(\d+),\s*\{[^}]*\},\s*\{([^}]*)\}\s*\}"
)


def row(character):
    """First byte of EUC-JP: 0xb0 to 0xcf is level 1, 0xd0 to 0xf4 level 2; 0 outside JIS X 0208."""
    try:
        code = character.encode("euc_jp")
    except UnicodeEncodeError:
        return 0
    return code[0] if len(code) == 2 and code[0] >= 0xB0 else 0


def is_level_1(character):
    return 0xB0 <= row(character) <= 0xCF


def pairs_of(header):
    """Kanji of the map that become one other character."""
    text = header[header.index("tx_mappings[2") : header.index("jis_urange_0000a0")]
    for first, second, kind, count, targets in ENTRY.findall(text):
        # A source of two code points is a character with a combining mark, which no name has.
        if kind.startswith("KANJI") and int(second) < 0 and int(count) == 1:
            target = chr(int(targets.split(",")[0]))
            if target != chr(int(first)):
                yield chr(int(first)), target


def read(path):
    with open(path, encoding="utf-8") as lines:
        return dict(line.rstrip("\n").split("\t") for line in lines if not line.startswith("#"))


def main():
    strict = read("kanji-strict.tsv")
    with open(sys.argv[1], encoding="utf-8") as header:
        pairs = list(pairs_of(header.read()))
    kept = {}
    for source, target in pairs:
        target = strict.get(target, target)
        decided = source in strict or row(source) != 0
        # What NFKC changes never reaches the fold.
        folded_before = unicodedata.normalize("NFKC", source) != source
        if not decided and not folded_before and is_level_1(target):
            kept[source] = target
    for one, other in APART:
        if kept.get(one, one) == kept.get(other, other):
            sys.exit(f"{one} and {other} are joined")
    assert not set(kept) & set(kept.values())
    sys.stdout.write(HEADER)
    for source, target in sorted(kept.items()):
        sys.stdout.write(f"{source}\t{target}\n")


main()
