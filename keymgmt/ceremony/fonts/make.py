"""Makes the two fonts of printed ceremonies from the fonts of Debian's package.

    apt-get download fonts-morisawa-bizud-gothic    # 1.05-2, SIL Open Font License 1.1
    dpkg -x fonts-morisawa-bizud-gothic_1.05-2_all.deb deb
    pip install fonttools==4.68.0
    python3 make.py deb/usr/share/fonts/truetype/bizud-gothic .

The characters are those of code page 932 (JIS X 0208 with the additions of NEC and IBM, which Japanese
names need), Latin-1, and some punctuation. The fixed-width font has ASCII only: it prints words, digits
and hashes. No name of the original is kept: the licence reserves none, but it is a trademark.
"""

import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

EXTRA = "\u2010\u2013\u2014\u2018\u2019\u201c\u201d\u2016\u2022\u2026\u20ac\u2192\u301c\u2212\u203e"
DROP = ["DSIG", "GSUB", "GlyphOrder", "gasp", "meta", "vhea", "vmtx", "cvt ", "fpgm", "prep"]


def code_page_932() -> set[int]:
    chars = set()
    for first in range(256):
        for code in [bytes([first]), *(bytes([first, second]) for second in range(256))]:
            try:
                text = code.decode("cp932")
            except UnicodeDecodeError:
                continue
            if len(text) == 1:
                chars.add(ord(text))
    # Control characters and the private use area print nothing that anyone could read.
    return {c for c in chars if c >= 0x20 and not 0x7F <= c < 0xA0 and not 0xE000 <= c < 0xF900}


def make(source: Path, target: Path, name: str, chars: set[int]) -> None:
    options = subset.Options()
    options.hinting = False
    options.layout_features = []
    options.drop_tables += DROP
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14]
    options.name_languages = [0x409]
    options.glyph_names = False
    options.notdef_outline = True
    options.recalc_timestamp = False
    font = TTFont(source)
    tool = subset.Subsetter(options)
    tool.populate(unicodes=chars)
    tool.subset(font)
    missing = chars - set(font.getBestCmap())
    if missing:
        sys.exit(f"{source} lacks {sorted(map(hex, missing))}")
    short = name.replace(" ", "")
    for number, text in [(1, name), (3, f"1.05;{short}"), (4, name), (6, short)]:
        font["name"].setName(text, number, 3, 1, 0x409)
    font.save(target)
    print(target, target.stat().st_size, len(chars), "characters")


def main() -> None:
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    latin = set(range(0x20, 0x7F)) | set(range(0xA0, 0x100)) - {0xAD}
    wide = code_page_932() | latin | set(map(ord, EXTRA))
    make(source / "BIZUDPGothic-Regular.ttf", target / "musubi-print.ttf", "Musubi Print", wide)
    ascii_only = set(range(0x20, 0x7F))
    make(source / "BIZUDGothic-Regular.ttf", target / "musubi-print-mono.ttf", "Musubi Print Mono", ascii_only)


main()
