"""Wrong labels where no model predicts the right ones well: who finds them; cleanlab beside.

Run alone: ``python -m benchmarks labels_weak``.
"""

from benchmarks._labels_data import RATES, WEAK
from benchmarks._labels_trials import as_table, grid, means, number, run_trials, settings, usable
from benchmarks._labels_ways import BASE, COMPARED

INTRODUCTION = (
    "Tables whose classes the models confuse themselves, with labels made wrong: by chance "
    "(symmetric), each class with the next (asymmetric), or drawn from what a weak model, a "
    "logistic regression of a third of the columns that has not seen the row, takes for likely "
    "(annotator). A noise model must not take a model's own confusion for noise."
)
KINDS = ("symmetric", "asymmetric", "annotator")
SEEDS = 2


def run(quick=False):
    """One table of the order, one of the flags."""
    tables, kinds, rates, seeds, rows = usable(WEAK), KINDS, RATES, SEEDS, None
    if quick:
        tables, rates, seeds, rows = ["six pixels"], (0.2,), 1, 300
    found = run_trials(settings(tables, kinds, rates, seeds, COMPARED, rows))
    order = grid(found, "precision", "table").join(grid(found, "precision", "kind"))
    order.insert(0, "mean", means(found, "precision"))
    notes = [
        "Mean over "
        + " and ".join(f"{r:.0%}" for r in rates)
        + f" of wrong labels, {seeds} seeds.",
        "Sizes: " + "; ".join(f"{t}: {WEAK[t].label}" for t in tables) + ".",
    ]
    flagging = found.dropna(subset="f1").assign(share=lambda one: one.flagged / one.wrong)
    flags = grid(flagging, "f1", "table").add_prefix("F1, ")
    flags.insert(0, "mean F1", means(flagging, "f1"))
    flags = flags.join(
        grid(flagging, "share", "table", lambda v: number(v, 2)).add_prefix("flagged / wrong, ")
    )
    flags["seconds"] = means(flagging, "seconds", lambda v: number(v, 1))
    ours = found[found.way == BASE]
    off = (ours.estimate / ours.wrong).groupby(ours.table, sort=False).mean()
    said = ", ".join(f"{table} {value:.2f}" for table, value in off.items())
    return [
        as_table("Weak models: average precision", order, notes),
        as_table("Weak models: flags", flags, [f"`noise_rate_` over the true share: {said}."]),
    ]
