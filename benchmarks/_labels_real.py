"""Labels that people got wrong: where each way puts them."""

import numpy as np

from benchmarks._labels_ways import WAYS
from benchmarks._processes import Child
from benchmarks._real_data import data_folder
from benchmarks._tables import Table

RANKED = (
    "ours",
    "ours logistic",
    "ours trees",
    "logistic self-confidence",
    "trees self-confidence",
    "trees find_label_issues",
    "datalab",
    "self-influence",
    "loss",
)
#: Not asked there: the logistic regression has 7,850 parameters, or hundreds of thousands.
TOO_WIDE = ("ours logistic", "self-influence")
DOUBTED = {"digits": "MNIST", "newsgroups": "20 newsgroups"}
ROWS = 2_000
PRICES = {
    "ours": "skinfluence, as it comes",
    "ours linear": "skinfluence, linear regression",
    "cleanlab linear": "cleanlab CleanLearning, linear regression",
    "cleanlab trees": "cleanlab CleanLearning, ExtraTrees",
    "cleanlab boosting": "cleanlab CleanLearning, HistGradientBoosting",
    "cook": "Cook's distance, linear regression",
}


def run(quick):
    """Two tables: classes and prices."""
    if data_folder() is None:
        print("  skipped: the larger data sets were not found", flush=True)
        return []
    ways = RANKED[:2] + RANKED[3:4] if quick else RANKED
    seeds, rows = (1, 300) if quick else (3, ROWS)
    with Child("benchmarks._labels_real_child", threads=1) as child:
        genres = [child.ask(do="genres", ways=ways, seed=seed) for seed in range(seeds)]
        print(f"  genres: {genres[0]}", flush=True)
        doubted = {}
        for source in DOUBTED:
            narrow = [way for way in ways if way not in TOO_WIDE]
            doubted[source] = child.ask(do="doubted", source=source, ways=narrow, seed=0, rows=rows)
            print(f"  {source}: {doubted[source]}", flush=True)
        prices = child.ask(do="prices")
        print(f"  prices: {prices}", flush=True)
    return [_classes(genres, doubted, ways), _prices(prices)]


def _classes(genres, doubted, ways):
    lines = []
    for way in ways:
        cells = [f"{np.mean([found[way] for found in genres]):.3f}"]
        for found in doubted.values():
            cells += _cells(found[way]) if way in found else ["-", "-"]
        lines.append([WAYS[way].label, *cells])
    columns = ["way", "music genres: average precision"]
    for source in doubted:
        columns += [f"{DOUBTED[source]}: area under the curve", f"{DOUBTED[source]}: median place"]
    counts = ", ".join(
        f"{found['doubted']} of {found['voted']} ({DOUBTED[source]})"
        for source, found in doubted.items()
    )
    notes = [
        "Music genres: 700 songs, labelled by the majority of a crowd, which is wrong for 30 %; "
        "the true genres are known. Mean over three seeds.",
        "MNIST and 20 newsgroups: rows of the test sets that cleanlab's authors had checked by "
        f"five people. Doubted (the given label has fewer than three votes): {counts}. These rows "
        f"were picked by cleanlab's own scores. {ROWS:,} rows of the test set are judged, the "
        "voted ones among them.",
        "The area under the curve is that of doubted against other voted rows; the median place "
        "is that of doubted rows among all that are judged (0 % first).",
    ]
    return Table("Labels that people got wrong", columns, lines, notes)


def _cells(found):
    return [f"{found['auc']:.3f}", f"{found['median']:.1%}".replace("%", " %")]


def _prices(prices):
    off = prices.pop("rows")["off"]
    lines = [
        [
            PRICES[way],
            f"{found['precision']:.3f}",
            *(str(place) for place in found["places"]),
            "-" if found["flagged"] is None else str(found["flagged"]),
        ]
        for way, found in prices.items()
    ]
    notes = [
        "The place of each of the eight wrong prices among 506 (1: the most suspicious), and by "
        "how many thousand dollars it is off. Gilley & Pace (1996) found them in the sources; the "
        "column B is left out."
    ]
    columns = ["way", "average precision", *(f"off by {v:+.1f}" for v in off), "flagged"]
    return Table("Boston: wrong house prices", columns, lines, notes)
