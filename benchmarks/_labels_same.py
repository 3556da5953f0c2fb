"""The same estimator under both: what the closed forms and the noise model bring by themselves."""

import numpy as np

from benchmarks._labels_data import KINDS, RATES
from benchmarks._processes import Child
from benchmarks._tables import Table, ratio, seconds

SEEDS = 2
TABLES = {"breast cancer": None, "digits": 800, "hospital": 1_000, "make_classification": 1_500}
MODELS = {
    "logistic": "logistic regression, C = 1",
    "kernel": "200 radial basis functions, C = 10",
}
SCORES = {
    "noise-aware": "skinfluence, noise-aware",
    "plain": "skinfluence, plain leave-one-out",
    "self-confidence": "cleanlab, self-confidence",
    "find_label_issues": "cleanlab, find_label_issues",
}
SAMPLE = 150  # rows that are really left out


def run(quick):
    """Two tables: average precision, and time beside cross-validation with agreement to refits."""
    tables, seeds, sample, kinds = TABLES, SEEDS, SAMPLE, KINDS
    if quick:
        tables, seeds, sample, kinds = {"breast cancer": 150}, 1, 10, ("asymmetric",)
    trials, agreement = [], {}
    with Child("benchmarks._labels_same_child", threads=1) as child:
        child.ask(
            do="trial", table="breast cancer", model="logistic", kind="hard", rate=0.1, seed=0
        )
        for model in MODELS:
            for table, rows in tables.items():
                setting = {"table": table, "model": model, "rows": rows}
                for kind in kinds:
                    for rate in RATES:
                        for seed in range(seeds):
                            key = setting | {"kind": kind, "rate": rate, "seed": seed}
                            trials.append(key | child.ask(do="trial", **key))
                answer = child.ask(do="refits", sample=sample, **setting)
                agreement[model, table] = answer["spearman"]
                print(f"  {model}, {table}: {_line(trials, model, table)}", flush=True)
    return [_precision(trials, kinds), _time(trials, tables, agreement)]


def _line(trials, model, table):
    chosen = [t for t in trials if t["model"] == model and t["table"] == table]
    return ", ".join(f"{s} {_mean(chosen, s):.3f}" for s in SCORES)


def _mean(trials, score, name="precision"):
    return np.mean([trial[score][name] for trial in trials])


def _precision(trials, kinds):
    lines = []
    for model, label in MODELS.items():
        for score, title in SCORES.items():
            chosen = [t for t in trials if t["model"] == model]
            cells = [
                f"{_mean([t for t in chosen if t['kind'] == kind], score):.3f}" for kind in kinds
            ]
            lines.append([label, title, f"{_mean(chosen, score):.3f}", *cells])
    notes = [
        f"Mean over {', '.join(TABLES)}, 10 % and 20 % of wrong labels and {SEEDS} seeds; columns "
        "standardised, cleanlab on 5-fold probabilities of the same pipeline.",
        "'Plain' is one fit with the penalty as given: the probability of the given label without "
        "the row.",
    ]
    title = "The same estimator: average precision"
    return Table(title, ["estimator", "score", "mean", *kinds], lines, notes)


def _time(trials, tables, agreement):
    lines = []
    for model, label in MODELS.items():
        for table in tables:
            chosen = [t for t in trials if t["model"] == model and t["table"] == table]
            validated = np.median([t["cross-validation"] for t in chosen])
            spent = [np.median([t[s]["seconds"] for t in chosen]) for s in ("plain", "noise-aware")]
            lines.append(
                [
                    label,
                    table,
                    seconds(validated),
                    *(seconds(v) for v in spent),
                    *(ratio(v / validated) for v in spent),
                    f"{agreement[model, table]:.5f}",
                ]
            )
    columns = [
        "estimator",
        "table",
        "5-fold cross-validation, s",
        "plain, s",
        "noise-aware, s",
        "plain / cross-validation",
        "noise-aware / cross-validation",
        "Spearman to refits",
    ]
    notes = [
        "Median processor seconds, one thread.",
        f"Spearman correlation of leave-one-out probabilities of the given labels with those of "
        f"real refits without the row, over {SAMPLE} rows.",
    ]
    return Table("The same estimator: time and agreement with real refits", columns, lines, notes)
