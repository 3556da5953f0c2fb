"""How many labels are wrong, beside the truth: what the noise model says, and the flagged share."""

import numpy as np

from benchmarks._labels_data import KINDS, RATES, TABLES
from benchmarks._processes import Child
from benchmarks._tables import Table

SEEDS = 3
SETTINGS = [("none", 0.0), *((kind, rate) for kind in KINDS for rate in RATES)]


def run(quick):
    """The table."""
    tables, seeds, settings, rows = list(TABLES), SEEDS, SETTINGS, None
    if quick:
        tables, seeds, settings, rows = ["breast cancer"], 1, SETTINGS[:2], 150
    found = {}
    with Child("benchmarks._labels_child", threads=1) as child:
        for table in tables:
            for kind, rate in settings:
                asked = {"table": table, "kind": kind, "rate": rate, "rows": rows}
                found[table, kind, rate] = [
                    child.ask(do="rate", seed=seed, **asked) for seed in range(seeds)
                ]
            print(f"  rate of wrong labels: {table}", flush=True)
    return [_table(found, tables, settings, seeds)]


def _table(found, tables, settings, seeds):
    lines = []
    for table in tables:
        answers = [found[table, kind, rate] for kind, rate in settings]
        lines.append([table, "`noise_rate_`", *(_estimate(a) for a in answers)])
        shares = [np.mean([one["contamination"] for one in a]) for a in answers]
        lines.append([table, "`contamination_`", *(f"{share:.3f}" for share in shares)])
    columns = [kind if not rate else f"{kind} {rate:.0%}" for kind, rate in settings]
    notes = [
        f"`LabelFlagger()`, mean over {seeds} seeds. After ±: the mean of `noise_rate_std_`, "
        "how uncertain the estimate is by its own account.",
        "`contamination_` is the share that is flagged by confident learning's count, which takes "
        "labels that nothing predicts for wrong ones (hospital). The noise model does not, and so "
        "misses wrong labels that are put where classes overlap (boundary, hard).",
    ]
    return Table("The estimated share of wrong labels", ["table", "of", *columns], lines, notes)


def _estimate(answers):
    rate, std = (np.mean([one[name] for one in answers]) for name in ("rate", "std"))
    return f"{rate:.3f} ± {std:.3f}"
