"""Many rows with the default settings: seconds and megabytes."""

from benchmarks._processes import Child
from benchmarks._tables import Table, megabytes, seconds

SIZES = ((10_000, 50, 2), (100_000, 50, 2), (20_000, 50, 10))


def run(quick):
    """One table."""
    lines = []
    for n, p, classes in ((1_000, 50, 2),) if quick else SIZES:
        with Child("benchmarks._labels_size_child", threads=2) as child:
            found = child.ask(n=n, p=p, classes=classes)
        lines.append(
            [
                f"{n:,} x {p}, {classes} classes",
                seconds(found["seconds"]),
                megabytes(found["bytes"]),
                megabytes(found["data"]),
                f"{found['precision']:.3f}",
                f"{found['flagged']:.1%}".replace("%", " %"),
            ]
        )
        print("  " + " | ".join(lines[-1]), flush=True)
    columns = ["table", "seconds", "memory on top of the data", "the data", "average precision"]
    notes = [
        "`LabelFlagger().fit(X, y)` with two threads, wall clock; 10 % symmetric noise on "
        "`make_classification`."
    ]
    return [Table("Many rows, default settings", [*columns, "flagged"], lines, notes)]
