"""Relative influence (RelatIF) and diverse rows (DIVINE) on MNIST with ten classes.

Run alone: ``python -m benchmarks selection``; needs the larger data sets (see _real_data.py).
"""

from dataclasses import dataclass

from benchmarks._figures import Figure
from benchmarks._processes import Child
from benchmarks._tables import Table, ratio, seconds


@dataclass(frozen=True)
class Size:
    """How much is computed."""

    rows: int = 55_000
    pool: int = 2  # pixels on a side that become one
    tests: int = 1000
    removed: int = 1000
    alone: int = 200
    picks: int = 100
    sampled: int = 5000
    peer: int = 2000


QUICK = Size(rows=2000, pool=4, tests=60, removed=40, alone=10, picks=8, sampled=500, peer=200)
#: The second is what all tables but the first are about.
WEIGHT_DECAYS = (0.01, 1e-4)
NAMES = {
    "influence": "influence",
    "theta": "relative influence, theta",
    "loss": "relative influence, loss",
    "diverse": "diverse rows",
    "random": "random rows",
}
ORDERS = {"helpful": ", most helpful", "magnitude": ", largest of either sign", "": ""}
TERMS = ("sum_redundancy", "facility_location", "mmd")
#: Test rows that are drawn: a 3 and an 8 as in the thesis, and a 5 that is read as a 6.
SHOWN = (30, 61, 8)

ONE_ALONE = (
    "'One alone': the mean change of a test row's loss when only its strongest row is removed, "
    "refitted for {} test rows."
)

#: Skipped without the larger data sets (see _real_data.py).
NEEDS_DATA = True

INTRODUCTION = (
    "MNIST: 55,000 training rows, squares of 2 x 2 pixels as one (14 x 14), ten classes, softmax "
    "without intercept, weight decay on the mean loss (1e-4 where nothing is said), at the "
    "optimum; the exact Hessian of 1,960 parameters. One thread; seconds are of processor time. "
    "The thesis (Balkyte 2022, section 7.1) took all pixels, no weight decay, and stochastic "
    "gradient descent. Its loss of 1.567 on the original data is what a cross-entropy says of "
    "probabilities that go through the softmax once more (1.461 is the least it can say, 2.303 is "
    "guessing): the column 'softmax twice' is on that scale."
)


def run(quick=False):
    """Retraining, seconds, diverse rows, a peer, and a picture."""
    size = QUICK if quick else Size()
    with Child("benchmarks._selection_child", threads=1) as child:
        retrained = []
        for decay in WEIGHT_DECAYS:
            asked = {"pool": size.pool, "rows": size.rows, "n_tests": size.tests}
            fit = child.ask(do="fit", weight_decay=decay, **asked)
            print(f"  weight decay {decay:g}: {fit}", flush=True)
            times = measure(child)
            retrained.insert(0, retraining(child, size, decay))
        made = [
            *retrained,
            repeats(child.ask(do="describe"), size.tests),
            seconds_table(fit, times, size.tests),
            _diverse(child, size),
            _sampled(child, size),
            *_peer(child, size),
        ]
        pictures = child.ask(do="pictures", tests=list(SHOWN))
    return [*made, figure(pictures, "selection")]


def measure(child):
    """Seconds of each way: lengths, all test rows, one test row."""
    times = {}
    for way in ("influence", "theta", "loss"):
        lengths = 0.0 if way == "influence" else child.ask(do="lengths", kind=way)
        asked = {"do": "top", "way": way, "k": 30}
        times[way] = {
            "lengths": lengths,
            "all": min(child.ask(order=order, **asked) for order in ("helpful", "magnitude")),
            "one": min(child.ask(order="magnitude", count=1, **asked) for _ in range(5)),
        }
        print(f"  {way}: {times[way]}", flush=True)
    return times


def retraining(child, size, decay):
    """A table: the loss without the strongest rows."""
    child.ask(
        do="diverse",
        n_select=size.removed,
        diversity="sum_redundancy",
        gamma=1.0,
        order="helpful",
    )
    found = child.ask(do="retrain", count=size.removed)
    alone = child.ask(do="alone", count=size.alone) if size.alone else {}
    asked = {"do": "check", "order": "helpful", "count": size.removed}
    checks = {way: child.ask(way=way, **asked) for way in ("influence", "theta")}
    print(f"  retrained in {found['seconds']:.0f} s; scikit-learn: {checks}", flush=True)
    full = found["full"]
    lines = [["nothing", f"{full['own']:.4f}", "", "", f"{full['own twice']:.4f}", "", ""]]
    for group in found["groups"]:
        way, order = group["way"], group["order"]
        lines.append(
            [
                NAMES[way] + ORDERS[order],
                f"{group['own']:.4f}",
                f"{group['own'] - full['own']:+.4f}",
                f"{group['all'] - full['all']:+.4f}",
                f"{group['own twice']:.4f}",
                f"{100 * (group['accuracy'] - full['accuracy']):+.2f}",
                f"{alone[way]:+.4f}" if order == "helpful" and way in alone else "",
            ]
        )
    notes = [
        f"{size.removed:,} different training rows are removed and the model is fitted again: for "
        f"{size.tests:,} random test rows all strongest ones, then all second strongest and so on. "
        "Diverse rows are those of `select_diverse` on the same test rows, with sum-redundancy and "
        "gamma = 1. Accuracy in points, on all 10,000 test rows.",
        *([ONE_ALONE.format(size.alone)] if alone else []),
        "Refits are our Newton iterations from the full optimum. Of the first column scikit-learn "
        "from scratch says "
        + " and ".join(f"{check['own']:.4f} ({NAMES[way]})" for way, check in checks.items())
        + " for the most helpful rows.",
        "The thesis: 1.567 with all rows, 1.599 without the most influential ones, 1.577 without "
        "those of relative influence.",
    ]
    columns = [
        "without",
        "loss of these test rows",
        "change",
        "change, all test rows",
        "softmax twice",
        "accuracy",
        "one alone",
    ]
    title = f"Retrained without {size.removed:,} rows, weight decay {decay:g}"
    return Table(title, columns, lines, notes)


def repeats(described, n_tests):
    """A table: how different the strongest rows of different test rows are."""
    lines = [
        [
            NAMES[way],
            f"{found['different']:,}",
            f"{found['most']:,}",
            f"{100 * found['same']:.1f} %",
        ]
        for way, found in described.items()
    ]
    columns = ["strongest by", "different rows", "test rows of the most frequent", "same label"]
    return Table(f"The strongest training row of {n_tests:,} test rows", columns, lines)


def seconds_table(fit, times, n_tests):
    """A table: lengths, many test rows, one test row."""
    plain = times["influence"]
    lines = []
    for way, spent in times.items():
        total = fit["factorised"] + spent["lengths"] + spent["all"]
        lines.append(
            [
                NAMES[way],
                seconds(spent["lengths"]) if spent["lengths"] else "",
                seconds(spent["all"]),
                ratio(spent["all"] / plain["all"]),
                ratio(spent["one"] / plain["one"]),
                ratio(total / (fit["factorised"] + plain["all"])),
            ]
        )
    notes = [
        f"{fit['rows']:,} rows, {fit['parameters']:,} parameters. Fit and optimum took "
        f"{seconds(fit['seconds'])} s, Hessian and factorisation {seconds(fit['factorised'])} s. "
        "Lengths are computed once for all training rows and kept.",
        "The thesis found relative influence 'at least several times' slower for small models and "
        "20 to 40 times for large ones.",
    ]
    columns = [
        "way",
        "lengths, once",
        f"{n_tests:,} test rows",
        "ratio",
        "ratio, one test row",
        "ratio, factorisation and lengths counted",
    ]
    return Table("Seconds of relative influence", columns, lines, notes)


def _diverse(child, size):
    lines = []
    for term in TERMS:
        for gamma in (0.0, 1.0, 8.0, "auto"):
            found = child.ask(do="diverse", n_select=size.picks, diversity=term, gamma=gamma)
            shown = f"auto: {found['gamma']:g}" if gamma == "auto" else f"{gamma:g}"
            parts = [f"{found[part]:.3f}" for part in ("influence", "diversity")]
            lines.append([term, shown, *parts, seconds(found["seconds"])])
            print("  " + " | ".join(lines[-1]), flush=True)
    notes = [
        "Scores of all rows on the sum over the test rows are included: one solution. Auto runs "
        "ten trade-offs. Influence is in units of the largest there is; diversities of different "
        "terms cannot be compared.",
    ]
    columns = ["diversity", "gamma", "influence", "diversity", "seconds"]
    return Table(f"{size.picks} diverse rows of {size.rows:,}", columns, lines, notes)


def _sampled(child, size):
    sizes = [n for n in (125, 250, 500, 1000, 2000) if n < size.sampled]
    found = child.ask(do="sampled", n_select=20, gamma=8.0, n_rows=size.sampled, sizes=sizes)
    best = found["all"]["objective"]
    lines = [
        [
            name,
            f"{of['said']:.4f}",
            f"{of['worth']:.4f}",
            f"{100 * of['objective'] / best:.2f} %",
            seconds(of["seconds"]),
        ]
        for name, of in found.items()
    ]
    columns = ["n_reference", "diversity by the sample", "by all rows", "objective", "seconds"]
    title = f"Facility location by samples: 20 of {size.sampled:,} rows, gamma = 8"
    return Table(title, columns, lines)


def _peer(child, size):
    found = child.ask(do="peer", n=size.peer, n_test=100, columns=2)
    if not found:
        return []
    lines = [
        [
            NAMES[kind],
            seconds(found[kind]["theirs"]),
            seconds(found[kind]["ours"]),
            ratio(found[kind]["theirs"] / found[kind]["ours"]),
            f"{found[kind]['difference']:.0e}",
        ]
        for kind in ("theta", "loss")
    ]
    columns = ["way", "dattri, seconds", "skinfluence, seconds", "ratio", "difference"]
    notes = [
        f"{found['rows']:,} rows, {found['parameters']:,} parameters, {found['tests']} test rows, "
        "weight decay 0.01; from the fitted estimator to the matrix, explicit Hessian on both "
        "sides."
    ]
    return [Table("Relative influence beside dattri", columns, lines, notes)]


def figure(found, name):
    """The strongest rows of some test rows, drawn."""

    def draw(canvas):
        n, k = len(found["tests"]), len(found["images"]["influence"][0])
        ways = list(found["images"].items())
        parts = canvas.subfigures(1, 1 + len(ways), width_ratios=[1.2] + [3] * len(ways))
        parts[0].suptitle("test row", fontsize=10)
        for i, ax in enumerate(parts[0].subplots(n, 1, squeeze=False)[:, 0]):
            _image(ax, found["tests"][i], found["labels"][i])
        for part, (way, images) in zip(parts[1:], ways, strict=True):
            part.suptitle(NAMES[way], fontsize=10)
            for i, axes in enumerate(part.subplots(n, k, squeeze=False)):
                for j, ax in enumerate(axes):
                    _image(ax, images[i][j], found["given"][way][i][j])

    title = (
        "Three test digits (the last, a 5, is read as a 6) and their three strongest training "
        "rows of either sign, by each way, and three diverse rows (gamma = 1) of the same test "
        "row; below each row its label."
    )
    return Figure(name, title, draw, size=(12.6, 4.2))


def _image(ax, pixels, label):
    side = int(len(pixels) ** 0.5)
    ax.imshow([pixels[side * i : side * (i + 1)] for i in range(side)], cmap="gray_r")
    ax.set(xticks=[], yticks=[])
    ax.set_xlabel(f"{label}", fontsize=9)
