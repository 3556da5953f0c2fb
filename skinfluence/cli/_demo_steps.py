"""Steps of ``skinfluence demo``: the hospital experiment of Koh & Liang (2017), section 5.3."""

import click
import numpy as np
from sklearn.linear_model import LogisticRegression

from skinfluence import InfluenceExplainer, __version__
from skinfluence.datasets import load_hospital_readmission

from . import _demo_text as text
from ._layout import Stopwatch, table

# The child that the authors' notebook explains; the strength of the penalty that they use.
TEST_ROW = 1742
WEIGHT_DECAY = 1e-4


def show(top):
    """Print the experiment with `top` training patients on each side."""
    click.echo(f"skinfluence {__version__}: which training patients made a model wrong?\n")
    watch = Stopwatch()

    with watch.step("read the data"):
        hospital = load_hospital_readmission(modified=True)
    n_train = len(hospital.target)
    with watch.step("train the model and move it to its exact optimum"):
        explainer = InfluenceExplainer(model_for(n_train), penalty_scaling="mean")
        explainer.fit(hospital.data, hospital.target)
    click.echo(text.describe_model(hospital, explainer, WEIGHT_DECAY) + "\n")

    position = int(np.flatnonzero(hospital.test_index == TEST_ROW)[0])
    x_test, y_test = hospital.data_test[[position]], hospital.target_test[[position]]
    click.echo(text.describe_test_row(hospital, explainer, x_test, y_test, TEST_ROW))

    effects = {}  # each of shape (n_train,)
    for method, name in (("first_order", "first order"), ("newton_step", "Newton step")):
        with watch.step(f"{name}: the removal of each of {n_train:,} rows"):
            effects[method] = explainer.influence(x_test, y_test, method=method)[0]

    ranking = np.argsort(effects["first_order"])
    harmful, helpful = ranking[:top], ranking[::-1][:top]
    shown = np.concatenate([harmful, helpful])
    with watch.step(f"really refitted: the removal of each of the {len(shown)} rows shown"):
        refitted = explainer.influence(x_test, y_test, method="refit", rows=shown)[0]
    effects["refit"] = np.full(n_train, np.nan)
    effects["refit"][shown] = refitted

    click.secho("\nMost harmful: without such a patient the loss falls", bold=True)
    click.echo(text.patients(hospital, harmful, effects))
    click.secho("\nMost helpful: without such a patient the loss rises", bold=True)
    click.echo(text.patients(hospital, helpful, effects))

    with watch.step("for comparison, scikit-learn's own refit: the removal of 1 row"):
        alone = refit_with_sklearn(hospital, explainer, harmful[0], x_test, y_test)
    click.echo("\n" + text.describe_children(hospital, effects["first_order"]))
    click.echo("\n" + text.describe_agreement(effects, shown, harmful[0], alone))

    click.secho("\nHow long each step took", bold=True)
    steps = [[step, f"{seconds:.3f} s"] for step, seconds in watch.seconds.items()]
    click.echo(table(steps, left={0}))
    click.echo("\n" + text.conclude(hospital, effects, harmful[0]))


def model_for(n_train):
    """Return the model of the paper: mean loss + 1/2 weight decay * |coef|^2, no intercept.

    Changes of the loss are shown to five digits; scikit-learn's default tolerance gives four.
    """
    C = 1 / (n_train * WEIGHT_DECAY)
    return LogisticRegression(C=C, fit_intercept=False, solver="newton-cholesky", tol=1e-8)


def refit_with_sklearn(hospital, explainer, row, x_test, y_test):
    """Return the change of the test loss when scikit-learn alone fits the model without a row.

    With ``penalty_scaling="mean"`` the penalty is part of every row's loss. It leaves with the row,
    and C = 1 / ((n - 1) * weight decay) follows from that.
    """
    rest = np.arange(len(hospital.target)) != row
    refitted = model_for(rest.sum()).fit(hospital.data[rest], hospital.target[rest])
    return text.loss(refitted, x_test, y_test) - text.loss(explainer, x_test, y_test)
