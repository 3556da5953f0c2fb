"""Sentences of result for the pages, from benchmarks/results, as substitutions."""

import re

from benchmark_figures import number, tables

_REVIEWS = ("flagger, ranked anew", "flagger, ranked once", "loss", "random")


def _deletion():
    rows = tables("deletion")["Deletion requests"]
    largest = max(rows, key=lambda row: number(row["rows x columns"].replace(",", "")))
    errors = [float(row[name]) for row in rows for name in row if name.startswith("error")]
    return (
        f"On {largest['table']} ({largest['rows x columns']}, logistic regression) a request "
        f"takes {largest['further request, ms']} ms and a refit {largest['refit, ms']} ms; on "
        "tables with a few hundred rows it takes as long as a refit or longer. Over "
        f"{len(rows)} models no coefficient is further than {max(errors):.0e} from that of the "
        "exact refit, relative to the largest, after 100 requests as after one."
    )


def _cross_validation():
    made = tables("cross_validation")["Leave-one-out scores"]
    rows = [row for row in made if row["accuracy"]]
    scores = [row[name] for row in rows for name in ("accuracy", "log loss", "AUROC")]
    differences = [abs(float(re.search(r"\((.*)\)", score).group(1))) for score in scores]
    ratios = [number(row["real / from one fit"]) for row in rows]
    return (
        "On five tables accuracy, log loss and AUROC of logistic regression differ by at most "
        f"{max(differences):.0e} from those of real leave-one-out, which takes {min(ratios):.0f} "
        f"to {max(ratios):.0f} times as long."
    )


def _search():
    made = tables("cross_validation")
    parts = []
    for score in ("log loss", "accuracy"):
        rows = made[f"Penalties of logistic regression by {score}"]
        digits = next(row for row in rows if "digits" in row["table"])
        rows = [row for row in rows if row is not digits]
        shares = [1.0 / number(row["ratio"]) for row in rows]
        differ = [float(row["difference ± standard error"].split()[0]) for row in rows]
        slower = [row["table"] for row in rows if number(row["ratio"]) < 1.0]
        but = f", longer for {' and '.join(slower)}" if slower else ""
        parts.append(
            f"By {score} it takes {min(shares):.2f} to {max(shares):.2f} of the time{but}; {score} "
            f"of new rows differs by {min(differ):+.4f} to {max(differ):+.4f}. On the ten classes "
            f"of digits it takes {1.0 / number(digits['ratio']):.1f} times as long."
        )
        sizes = [row["training rows x columns"].split(" x ")[0] for row in rows]
        sizes.sort(key=lambda size: int(size.replace(",", "")))
    chosen = made["The penalty that real leave-one-out chooses"]
    lost = [float(row["lost by the search"]) for row in chosen]
    return (
        "Against LogisticRegressionCV with its defaults, on tables of two classes with "
        f"{sizes[0]} to {sizes[-1]} training rows, the search was compared by two scores. "
        f"{' '.join(parts)} The penalty that it chooses is the best one by real leave-one-out in "
        f"{lost.count(0.0)} of {len(lost)} cases."
    )


def _mismatch():
    rows = tables("mismatch")["One planted mismatch per run, Adult"]
    first = {row["planted"]: row["first"] for row in rows}
    one, two = ("a category, confirmation", "a pair of categories, confirmation")
    before = first["a category, first draw"], first["a pair of categories, first draw"]
    return (
        f"The planted category is first in {first[one]} runs, a planted pair of categories in "
        f"{first[two]}, of a draw that was fixed before it was run; in the draw that was seen "
        f"before a default was changed, in {before[0]} and {before[1]}."
    )


def _intervals():
    made = tables("intervals")
    theirs = made["Jackknife+ of ridge regression"][1]
    mine = made["Jackknife+ of ridge regression"][0]
    held = [number(row["coverage ± standard error"]) for row in made["Coverage of 90% intervals"]]
    difference = theirs["largest difference / range of the values"]
    return (
        f"For ridge regression on 1,000 rows the intervals are MAPIE's to {difference} of the "
        f"range of the values, {number(theirs['s']) / number(mine['s']):.0f} times faster. Over "
        "200 draws of five tables, each with a linear, a Poisson and a kernel model, 90% intervals "
        f"hold {min(held):.3f} to {max(held):.3f} of the new values."
    )


def _values():
    rows = tables("values")["Rows removed in order of value"]
    parts = []
    for name in dict.fromkeys(row["table"] for row in rows):
        mine = [row for row in rows if row["table"] == name]
        after = [f"{row['order']} {row['test log loss, 10% removed']}" for row in mine]
        before = mine[0]["test log loss, 0% removed"]
        parts.append(f"on {name} (all rows: {before}) {', '.join(after)}")
    return (
        "Where a tenth of the labels is wrong, the test log loss after the removal of the tenth of "
        f"least value is: {'; '.join(parts)}."
    )


def _review():
    parts = []
    for title, rows in tables("labels_review").items():
        found = {row["order"].removeprefix("found, "): row for row in rows}
        share = list(rows[0])[4 if "music" in title else 2]
        means = [number(found[order][share]) for order in _REVIEWS]
        anew, once, loss, chance = (f"{100 * mean:.0f}%" for mean in means)
        parts.append(
            f"{title.partition(',')[0]}, {share}: {anew} (ranked anew after every 50 decisions), "
            f"{once} (ranked once), {loss} (loss), {chance} (random)"
        )
    return f"Of the wrong labels are found: {'; '.join(parts)}."


def _gain():
    rows = tables("labels_suggested")["A tenth of the labels corrected"]
    names = list(rows[0])[1:]
    parts = [f"{row['chosen']} {', '.join(row[name] for name in names)}" for row in rows]
    return (
        "With a tenth of the rows corrected under 20 % asymmetric noise, the mean test accuracies "
        f"on {', '.join(names[:-1])} and {names[-1]} are: {'; '.join(parts)}."
    )


def render():
    """Definitions of substitutions, one a sentence."""
    made = {
        "deletion result": _deletion,
        "cross-validation result": _cross_validation,
        "search result": _search,
        "mismatch result": _mismatch,
        "intervals result": _intervals,
        "values result": _values,
        "review result": _review,
        "gain result": _gain,
    }
    return "\n".join(f".. |{name}| replace:: {sentence()}\n" for name, sentence in made.items())
