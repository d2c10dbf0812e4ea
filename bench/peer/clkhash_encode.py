"""Measures clkhash on people that another program wrote, in one process.

usage: clkhash_encode.py TABLE REPEATS

TABLE is UTF-8, tab-separated, without a header: family, given, family kana, given kana, birth date
(YYYY-MM-DD), sex (M, F or U), address. Bigrams of every text, the whole date, 1,024 bits. Prints one JSON
object: records per second of CPU, reading the table included; the best of REPEATS.
"""

import csv
import json
import sys
import time

import clkhash.clk
from clkhash.comparators import ExactComparison, NgramComparison
from clkhash.field_formats import (
    BitsPerFeatureStrategy,
    EnumSpec,
    FieldHashingProperties,
    StringSpec,
)
from clkhash.key_derivation import generate_key_lists
from clkhash.schema import Schema


def text(name, comparison):
    hashing = FieldHashingProperties(
        comparator=comparison, strategy=BitsPerFeatureStrategy(100), hash_type="blakeHash"
    )
    return StringSpec(identifier=name, hashing_properties=hashing, case="mixed")


def schema():
    names = ["family", "given", "family-kana", "given-kana"]
    fields = [text(name, NgramComparison(2)) for name in names]
    fields.append(text("birth", ExactComparison()))
    hashing = FieldHashingProperties(
        comparator=ExactComparison(), strategy=BitsPerFeatureStrategy(50)
    )
    fields.append(EnumSpec(identifier="sex", hashing_properties=hashing, values=["M", "F", "U"]))
    fields.append(text("address", NgramComparison(2)))
    return Schema(fields, l=1024, kdf_key_size=64)


def main():
    table, repeats = sys.argv[1], int(sys.argv[2])
    fields = schema()
    keys = generate_key_lists(b"a throwaway secret", len(fields.fields))
    best, count = float("inf"), 0
    for _ in range(repeats):
        start = time.process_time()
        with open(table, newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file, delimiter="\t"))
        clks, _ = clkhash.clk.hash_chunk(rows, keys, fields, validate_data=False)
        best = min(best, time.process_time() - start)
        count = len(clks)
    print(json.dumps({"records": count, "records_per_second": count / best}))


if __name__ == "__main__":
    main()
