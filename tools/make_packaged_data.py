"""Make the data files that ship in ``skinfluence/datasets/data`` from the full data sets.

Usage::

    python tools/make_packaged_data.py DATA_FOLDER [--out FOLDER]

DATA_FOLDER holds ``hospital_readmission.npz`` (all 101,766 hospital stays and the split of
Koh & Liang) and ``forestfires.csv.gz`` (the UCI file). Running it twice gives the same data.
"""

import argparse
import gzip
from pathlib import Path

import numpy as np

PACKAGE_DATA = Path(__file__).resolve().parents[1] / "skinfluence" / "datasets" / "data"

# The first 8 columns are counts that fit in a byte; the other 119 are 0/1 and take a bit each.
N_COUNTS = 8

# How many of the 81,766 test rows are kept, besides all the children.
N_FIRST_TEST_ROWS = 2_000


def pack(X):
    """Split a table of small integers into its byte columns and its packed bit columns."""
    counts, flags = X[:, :N_COUNTS], X[:, N_COUNTS:]
    if flags.max() > 1:
        raise ValueError(f"Columns {N_COUNTS} onwards must be 0/1, found {flags.max()}.")
    return counts.astype(np.uint8), np.packbits(flags.astype(np.uint8), axis=1)


def make_hospital(source, out):
    """Keep the 20,000 training rows, the first 2,000 test rows and every child of the test rows."""
    full = np.load(source, allow_pickle=False)
    X, names = full["X"], full["feature_names"]
    y = (full["y"] == 1).astype(np.uint8)
    train, test = full["train_idx"], full["test_idx"]

    is_child = X[test, list(names).index("age_[0-10)")] == 1
    kept = np.union1d(np.arange(N_FIRST_TEST_ROWS), np.flatnonzero(is_child))

    counts, flags = pack(X[train])
    counts_test, flags_test = pack(X[test[kept]])
    np.savez_compressed(
        out,
        counts=counts,
        flags=flags,
        target=y[train],
        counts_test=counts_test,
        flags_test=flags_test,
        target_test=y[test[kept]],
        test_index=kept.astype(np.int32),
        feature_names=names,
    )


def make_forest_fires(source, out):
    """Copy the table, with a gzip header that names no file and no time."""
    with gzip.open(source, "rb") as stream:
        text = stream.read().replace(b"\r\n", b"\n")
    with open(out, "wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as stream:
        stream.write(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data_folder", type=Path)
    parser.add_argument("--out", type=Path, default=PACKAGE_DATA)
    arguments = parser.parse_args()

    steps = [
        (make_hospital, "hospital_readmission.npz", "hospital_readmission.npz"),
        (make_forest_fires, "forestfires.csv.gz", "forest_fires.csv.gz"),
    ]
    arguments.out.mkdir(parents=True, exist_ok=True)
    for make, source, name in steps:
        target = arguments.out / name
        make(arguments.data_folder / source, target)
        print(f"{target.name}: {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
