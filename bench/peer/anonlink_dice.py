"""Measures anonlink's native all-pairs Dice on rows that another program wrote.

usage: anonlink_dice.py ROWS ROW_BYTES COUNT REPEATS PROCESSES THRESHOLD...

ROWS holds rows of ROW_BYTES bytes, one after another; the first COUNT are compared with the next COUNT.
Prints one JSON object. Rates are pairs per second of CPU: of the process that did the work, or, where
several share it, of the one that took longest.
"""

import json
import multiprocessing
import statistics
import sys
import time

import anonlink.similarities
from bitarray import bitarray

ROWS = [[], []]


def read(path, row_bytes, count):
    with open(path, "rb") as file:
        for side in ROWS:
            for _ in range(count):
                bits = bitarray(endian="little")
                bits.frombytes(file.read(row_bytes))
                side.append(bits)
    if len(ROWS[1][-1]) != 8 * row_bytes:
        sys.exit("the file has too few rows")


def share(task):
    """Compares one part of the first side with the second: CPU seconds and hits."""
    begin, end, threshold = task
    start = time.process_time()
    found = anonlink.similarities.dice_coefficient_accelerated(
        (ROWS[0][begin:end], ROWS[1]), threshold
    )
    return time.process_time() - start, len(found[0])


def measure(pool, processes, count, threshold, repeats):
    cuts = [count * part // processes for part in range(processes + 1)]
    tasks = [(begin, end, threshold) for begin, end in zip(cuts, cuts[1:])]
    rates, hits = [], 0
    for _ in range(repeats):
        parts = pool.map(share, tasks, chunksize=1) if pool else [share(task) for task in tasks]
        rates.append(count * count / max(seconds for seconds, _ in parts))
        hits = sum(found for _, found in parts)
    return {"pairs_per_second": statistics.median(rates), "hits": hits}


def main():
    path, row_bytes, count, repeats, processes = sys.argv[1], *map(int, sys.argv[2:6])
    thresholds = [float(text) for text in sys.argv[6:]]
    read(path, row_bytes, count)
    result = {"one": {}, "several": {}, "processes": processes}
    for threshold in thresholds:
        result["one"][str(threshold)] = measure(None, 1, count, threshold, repeats)
    # Forked, so that the rows are there already.
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        for threshold in thresholds:
            several = measure(pool, processes, count, threshold, repeats)
            result["several"][str(threshold)] = several
    print(json.dumps(result))


if __name__ == "__main__":
    main()
