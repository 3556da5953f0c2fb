"""Groups of rows: four methods beside real refits, and how few rows flip a prediction.

Run alone: ``python -m benchmarks groups``. The hospital rows are left out where the larger data
sets are not there.
"""

from statistics import mean, median

from benchmarks._processes import Child
from benchmarks._real_data import data_folder
from benchmarks._tables import Table, ratio

INTRODUCTION = (
    "What the removal of whole groups of training rows does to the losses of test rows: predicted "
    "by the sum of influences (first order), by the second-order group influence of Basu et al., "
    "by one Newton step, and really refitted. Concordance is Lin's: 1 where every prediction is "
    "the truth. Logistic regression on 400 scaled rows of breast cancer (C = 1, 30 columns, 169 "
    "test rows) and on the 20,000 hospital rows of Koh & Liang (weight decay 1e-4, 127 columns, "
    "500 test rows drawn at random). Groups hold up to a quarter of the training rows: random ones "
    "of evenly spaced sizes, the clusters of k-means with 20 centres, and categories: all rows "
    "with a 1 in a 0/1 column of the hospital table, the quarter with the largest values of a "
    "column of breast cancer."
)
KINDS = {"random": "random rows", "cluster": "clusters", "category": "categories"}
METHODS = {
    "first_order": "first order",
    "second_order": "second order",
    "newton_step": "Newton step",
}
#: Random splits of breast cancer.
SPLITS = 10
ORDERS = {"newton_step": "Newton step", "first_order": "first order"}


def run(quick=False):
    """A table of concordance, one of times, one of flipping sets."""
    agreement, times, flips = [], [], []
    names = ["breast cancer", *(["hospital"] if data_folder() else [])]
    for name in names[:1] if quick else names:
        with Child("benchmarks._groups_child", threads=1) as child:
            measured = {kind: [] for kind in KINDS}
            for seed in range(1 if name == "hospital" or quick else SPLITS):
                child.ask(do="prepare", data=name, seed=seed)
                for kind, made in measured.items():
                    made.append(child.ask(do="measure", kind=kind))
            for kind, made in measured.items():
                theirs = child.ask(do="scikit_learn", kind=kind, sample=5)
                agreement.append(_agreement(name, kind, made))
                times.append(_time(name, kind, made, theirs))
                print("  " + " | ".join([*agreement[-1], *times[-1][2:]]), flush=True)
            if name == names[-1] or quick:
                flips = _flip(child, 5 if quick else 50)
    return [_concordance(agreement), _times(times), *flips]


def _agreement(name, kind, made):
    sizes = f"{min(m['smallest'] for m in made):,} to {max(m['largest'] for m in made):,}"
    number = f"{made[0]['groups']}" if len(made) == 1 else f"{len(made)} x {made[0]['groups']}"
    pairs = [median(m["pairs"][method] for m in made) for method in METHODS]
    means = [median(m["means"][method] for m in made) for method in METHODS]
    least = min(m["pairs"]["newton_step"] for m in made)
    return [name, KINDS[kind], number, sizes, *(f"{v:.4f}" for v in [*pairs, least, *means])]


def _time(name, kind, made, theirs):
    spent = {way: median(m["seconds"][way] for m in made) for way in (*METHODS, "refit")}
    return [
        name,
        KINDS[kind],
        *(f"{1e3 * spent[way]:.3g}" for way in spent),
        f"{1e3 * theirs['seconds']:.3g}",
        ratio(theirs["seconds"] / spent["newton_step"]),
        f"{theirs['agreement']:.0e}",
    ]


def _concordance(rows):
    columns = ["data", "groups", "number", "rows in each", *METHODS.values()]
    columns += ["Newton step, least of the splits"]
    columns += [f"{name}, mean loss" for name in METHODS.values()]
    notes = [
        "Concordance over all pairs of a test row and a group, then of the mean loss of the test "
        f"rows over the groups. Of breast cancer the medians of {SPLITS} random splits: the "
        "classes are nearly separable, so that a removal can move the model far.",
        "Rows that are alike stand in for each other: where a group holds all rows of a kind, the "
        "sum of their influences misses most of what its removal does. Second order takes the next "
        "term of the same series, which converges slowly there; the Newton step is its sum. For "
        "random groups, which are like all rows, the second order is nearly the Newton step.",
    ]
    return Table("Predicted and refitted effects of removing groups", columns, rows, notes)


def _times(times):
    columns = ["data", "groups", *METHODS.values(), 'method="refit"', "scikit-learn"]
    columns += ["scikit-learn over Newton step", "largest difference of the two refits"]
    notes = [
        "Milliseconds of processor time a group (medians over the splits), from the factorised "
        "Hessian. scikit-learn's refit "
        '(solver="newton-cholesky", tol=1e-10) is timed on five groups; the difference is that of '
        "the decision values of the test rows, relative to the largest change."
    ]
    return Table("Times of a group in milliseconds, one thread", columns, times, notes)


def _flip(child, n_rows):
    made = {method: child.ask(do="flip", method=method, n_rows=n_rows) for method in ORDERS}
    for method, answer in made.items():
        print(f"  {ORDERS[method]}: {answer['seconds']:.2f} s a row", flush=True)
    order = sorted(range(n_rows), key=lambda i: made["newton_step"]["sets"][i]["probability"])
    halves = [("all", order), ("nearer half", order[: n_rows // 2])]
    halves.append(("farther half", order[n_rows // 2 :]))
    rows = []
    for part, members in halves:
        for method, name in ORDERS.items():
            spent = f"{made[method]['seconds']:.2f}" if part == "all" else ""
            rows.append([part, name, *_line(made, method, members), spent])
            print("  " + " | ".join(rows[-1]), flush=True)
    columns = [
        "test rows",
        "order of removal",
        "sets that flip by refit",
        "predicted set flips by refit",
        "predicted size exact",
        "within 5 %",
        "median error of the predicted size",
        "mean size",
        "smaller than the other's",
        "seconds a row",
    ]
    notes = [
        f"{n_rows} test rows drawn at random, none chosen by its distance from the decision; a "
        "half is nearer by its predicted probability. Every set was verified by a refit, and so "
        "was that one row fewer is not enough.",
        "The predicted size is what the method says before any refit; the size is what the refits "
        "say is enough along the same order. First order mostly removes too much, so its sets do "
        "flip; the Newton step is near the truth on both sides.",
    ]
    return [Table("How few rows flip a prediction of the hospital model", columns, rows, notes)]


def _line(made, method, members):
    mine = [made[method]["sets"][i] for i in members]
    (other,) = [m for m in ORDERS if m != method]
    theirs = [made[other]["sets"][i]["size"] for i in members]
    found = [f for f in mine if f["size"] is not None]
    errors = [
        abs(f["predicted"] - f["size"]) / f["size"] for f in found if f["predicted"] is not None
    ]
    smaller = sum(
        f["size"] is not None and (t is None or f["size"] < t)
        for f, t in zip(mine, theirs, strict=True)
    )
    return [
        f"{len(found)} of {len(mine)}",
        f"{sum(f['confirmed'] for f in mine)}",
        f"{sum(e == 0 for e in errors)}",
        f"{sum(e <= 0.05 for e in errors)}",
        f"{median(errors):.1%}" if errors else "-",
        f"{mean(f['size'] for f in found):.0f}" if found else "-",
        f"{smaller}",
    ]
