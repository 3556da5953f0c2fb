"""Figure 1 of Koh & Liang (2017): what influence is without the training loss and the Hessian.

Run alone: ``python -m benchmarks components``; needs the larger data sets (see _real_data.py).
"""

from functools import partial
from statistics import median

import numpy as np
from scipy.stats import spearmanr

from benchmarks import _one_versus_seven
from benchmarks._figures import COLOURS, Figure
from benchmarks._measure import in_turns, timed
from benchmarks._one_versus_seven import OneVersusSeven
from benchmarks._real_data import loaders
from benchmarks._tables import Table, ratio
from skinfluence.components import influence_components
from skinfluence.explainer import lins_concordance

#: Strongest rows of each variant that are refitted, and that are compared.
STRONGEST = 100

PANELS = {
    "without_loss": "without the training loss",
    "without_hessian": "without the inverse Hessian",
    "inner_product": "without both: the inner product",
}
FISHER = "empirical Fisher matrix in place of the Hessian"
#: Rankings in units of the loss.
IN_UNITS_OF_THE_LOSS = ("influence", FISHER)

#: Skipped without the larger data sets (see _real_data.py).
NEEDS_DATA = True

INTRODUCTION = _one_versus_seven.INTRODUCTION + (
    "Test row 30, a 7. All influences are first order. A refit is the change of the test row's "
    "loss by really leaving the training row out. Concordance is Lin's, which also asks for a "
    "slope of one."
)


def run(quick=False):
    """The numbers that Figure 1 must meet, the figure, and what each part is worth."""
    case = OneVersusSeven.load(quick)
    explainer = case.explained()
    parts = influence_components(explainer, *case.test)
    figure = Figure(
        "components",
        "Influence of all training images (times n) on one test image, a 7, against what is left "
        "of it without the training loss, without the inverse Hessian, and without both. Green: "
        "training images of the same digit; red: of the other. Right: the test image, and the "
        "training image of the same digit that is fifth among the harmful.",
        lambda canvas: _draw(canvas, case, parts),
        (12.0, 3.6),
    )
    return [_numbers(case, explainer, parts), figure, _variants(case, explainer, parts)]


def _fifth_harmful(case, parts):
    influence, same = parts.influence[0], np.flatnonzero(case.same)
    return same[np.argsort(influence[same], kind="stable")[4]]


def _numbers(case, explainer, parts):
    """What was computed beside the reference: the same optimum, found elsewhere."""
    expected = loaders().koh_liang_reference()["fig1_mnist_1v7"]
    objective, scaled = explainer.objective_, parts.influence[0] * len(case.y)
    right = (case.X_test @ objective.coef[0] > 0) == case.y_test
    wanted = expected["influence_times_n"]
    pairs = [
        ("training rows", expected["n_train"], len(case.y), "d"),
        ("mean training loss", expected["train_logloss"], objective.row_values().mean(), ".9f"),
        ("test accuracy", expected["test_acc"], right.mean(), ".6f"),
        ("norm of the weights", expected["w_norm"], np.linalg.norm(objective.coef), ".9f"),
        ("smallest influence times n", wanted["min"], scaled.min(), ".6f"),
        ("its row", wanted["argmin"], scaled.argmin(), "d"),
        ("largest influence times n", wanted["max"], scaled.max(), ".6f"),
        ("its row", wanted["argmax"], scaled.argmax(), "d"),
        (
            "fifth most harmful row of the same digit",
            expected["harmful_same_class_rank5_row"],
            _fifth_harmful(case, parts),
            "d",
        ),
    ]
    lines = [[name, f"{a:{form}}", f"{b:{form}}"] for name, a, b, form in pairs]
    return Table("The numbers of Figure 1", ["quantity", "reference", "skinfluence"], lines)


def _variants(case, explainer, parts):
    """Every part that can be missing, beside influence and beside real refits."""
    shown = {"influence": parts.influence[0]}
    shown |= {name: getattr(parts, key)[0] for key, name in PANELS.items()}
    shown[FISHER] = case.explained("empirical_fisher").influence(*case.test)[0]
    strong = {name: np.argsort(-np.abs(v), kind="stable")[:STRONGEST] for name, v in shown.items()}
    asked = np.unique(np.concatenate(list(strong.values())))
    refitted = explainer.influence(*case.test, method="refit", rows=asked)[0]
    truth = shown["influence"]
    lines = []
    for name, values in shown.items():
        concordance = f"{lins_concordance(values[asked], refitted):.4f}"
        shared = np.isin(strong[name], strong["influence"]).sum()
        lines.append(
            [
                name,
                f"{spearmanr(values, truth)[0]:.3f}",
                f"{shared}",
                f"{np.mean(np.sign(values[asked]) == np.sign(refitted)):.0%}",
                f"{np.corrcoef(values[asked], refitted)[0, 1]:.4f}",
                concordance if name in IN_UNITS_OF_THE_LOSS else "-",
            ]
        )
    columns = [
        "ranking",
        "rank correlation with influence, all rows",
        f"of its {STRONGEST} strongest among influence's",
        "sign as refitted",
        "correlation with refits",
        "concordance with refits",
    ]
    notes = [
        f"Refitted were the {len(asked)} rows that are among the {STRONGEST} strongest of any.",
        f"One call for the four parts took {ratio(_price(case, explainer))} times the influences "
        "alone, both with the inverse at hand.",
    ]
    return Table("What each part is worth", columns, lines, notes)


def _price(case, explainer):
    """Seconds of the four components over seconds of influence; medians, taking turns."""
    ways = {
        "influence": lambda: explainer.influence(*case.test, method="first_order"),
        "components": lambda: influence_components(explainer, *case.test),
    }
    times = in_turns({way: partial(timed, call) for way, call in ways.items()}, 7)
    spent = {way: median(t["wall"] for _, t in found) for way, found in times.items()}
    return spent["components"] / spent["influence"]


def _draw(canvas, case, parts):
    axes = canvas.subplots(1, 5, width_ratios=[3, 3, 3, 1.2, 1.2])
    scaled = parts.influence[0] * len(case.y)
    groups = ((case.same, COLOURS[3], "same digit"), (~case.same, COLOURS[2], "other digit"))
    for axis, (name, title) in zip(axes, PANELS.items(), strict=False):
        values = getattr(parts, name)[0]
        values = values * len(case.y) if name == "without_loss" else values
        for rows, colour, label in groups:
            axis.scatter(
                values[rows], scaled[rows], s=4, color=colour, label=label, rasterized=True
            )
        axis.set(xlabel=title)
        axis.axhline(0, color="0.8", linewidth=0.6, zorder=0)
        axis.axvline(0, color="0.8", linewidth=0.6, zorder=0)
    axes[0].set_ylabel("influence, times n")
    axes[0].legend(loc="upper left", markerscale=3, fontsize="small")
    images = (
        (case.test[0][0], "test image"),
        (case.X[_fifth_harmful(case, parts)], "harmful,\nsame digit"),
    )
    for axis, (image, title) in zip(axes[3:], images, strict=True):
        axis.imshow(image.reshape(28, 28), cmap="gray_r")
        axis.set_title(title, fontsize="medium")
        axis.set_axis_off()
