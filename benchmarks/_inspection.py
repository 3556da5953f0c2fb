"""Labels that a person inspects in some order and corrects (Figure 6 of Koh & Liang 2017)."""

import numpy as np

from benchmarks._figures import line_style
from benchmarks._tables import Table


def inspect(orders, given, truth, shares, score):
    """Shares of the wrong labels found, and scores after their correction.

    Parameters
    ----------
    orders : iterable of ndarray of int
        Positions of the labels, the first to inspect first.
    given, truth : ndarray of shape (n,)
        Labels, some of them wrong, and the right ones.
    shares : sequence of float
        Shares of the labels inspected, the first of them 0.
    score : callable
        From labels of shape (n,) to a number.

    Returns
    -------
    found, scores : ndarray of shape (n_orders, n_shares)
    """
    wrong, untouched = given != truth, score(given)
    found, scores = [], []
    for order in orders:
        found.append([0.0])
        scores.append([untouched])
        for share in shares[1:]:
            rows = order[: round(share * len(given))]
            labels = given.copy()
            labels[rows] = truth[rows]
            found[-1].append(wrong[rows].sum() / wrong.sum())
            scores[-1].append(score(labels))
    return np.array(found), np.array(scores)


def curves_table(title, names, shares, found, accuracy, compared, notes):
    """Table of arrays of shape (n_repeats, n_orders, n_shares).

    `compared` are pairs of orders: how often the first finds at least as much as the second.
    """
    columns = ["order", *(f"{share:.0%} inspected" for share in shares[1:])]
    lines = []
    for what, values in (("found", found), ("test accuracy", accuracy)):
        for i, order in enumerate(names):
            mean, deviation = values[:, i].mean(axis=0), values[:, i].std(axis=0)
            cells = [f"{m:.3f} ± {d:.3f}" for m, d in zip(mean[1:], deviation[1:], strict=True)]
            lines.append([f"{what}, {order}", *cells])
    for first, second in compared:
        better = (found[:, first] >= found[:, second]).mean(axis=0)
        what = f"found: {names[first]} at least {names[second]}, share of repeats"
        lines.append([what, *(f"{share:.0%}" for share in better[1:])])
    title = f"{title}, {len(found)} repeats, mean ± standard deviation"
    return Table(title, columns, lines, notes)


def draw_curves(axes, names, shares, found, accuracy, clean):
    """Draw both arrays on two axes; `clean`: test accuracy with all labels right."""
    for ax, values in zip(axes, (found, accuracy), strict=True):
        for i, order in enumerate(names):
            mean, deviation = values[:, i].mean(axis=0), values[:, i].std(axis=0)
            ax.errorbar(
                100 * np.asarray(shares), mean, deviation, label=order, capsize=2, **line_style(i)
            )
        ax.set_xlabel("labels inspected (%)")
    axes[1].axhline(clean, color="0.5", linewidth=1, label="all labels right")
    axes[0].set_ylabel("share of the wrong labels found")
    axes[1].set_ylabel("test accuracy")
