"""Gain of correcting a label: influence of a relabelled row on the loss of other rows."""

import numpy as np

from skinfluence._utils.warnings import ignore_last_of_class
from skinfluence.targets import Mean


def class_beliefs(objective, posterior):
    """Pairs of a probability (n,) and targets (n, K): each class with its posterior."""
    n = len(posterior)
    encode = objective.coding.encode_codes
    return [(p, encode(np.full(n, k))) for k, p in enumerate(posterior.T)]


def value_beliefs(objective, quality, suggested):
    """The same for values: the given one is right, or the suggested one is."""
    return [(quality, objective.y), (1.0 - quality, objective.coding.encode(suggested))]


def expected_gains(explainer, beliefs, X_test=None, y_test=None):
    """Expected reduction of the mean loss when a row gets its true label, for each training row.

    A row's weighted gradient s_i g_i(y) moves when its label does, and the coefficients by -H^-1
    times that, so that the loss of other rows falls by

        g_test' H^-1 s_i (g_i(true) - g_i(given)),

    to first order. (Where the curvature does not depend on labels, as for logistic loss and squared
    error, this is the whole Newton step in the coefficients.) The true label is not known: the mean
    is taken over `beliefs`. One solution of the Hessian serves all rows. Class weights that depend
    on the labels are taken as they are.

    `beliefs` are pairs of probabilities (n,), which sum to one, and targets (n, K). Without test
    rows the training rows count, at their believed targets, each as predicted without it. In units
    of the loss, (n,), positive where a correction is expected to help.
    """
    objective = explainer.objective_
    linearization = explainer.linearization_
    inverse = linearization.solver.factorize(objective.hessian(linearization.damping))
    given = objective.residual
    turned = objective.sample_weight * (_gradient(objective, beliefs) - given)  # shape: (n, K)
    if X_test is None:
        with ignore_last_of_class():
            raw = explainer.leave_one_out_raw_predictions().reshape(given.shape)
        # the only row of a class and rows of leverage one are taken as the model sees them
        raw = np.where(np.isfinite(raw), raw, objective.raw_prediction)
        weight = objective.weights.base
        pull = (weight / weight.sum())[:, None] * _gradient(objective, beliefs, raw)
        own = np.einsum("nk,nkl,nl->n", pull, inverse.leverage_blocks(), turned)
        predictor = objective.predictor
    else:
        tests = explainer.test_rows(X_test, y_test, target=Mean("loss"))
        predictor, pull, own = tests.predictor, tests.gradient(), 0.0
    solved = inverse.solve(predictor.vjp(pull[:, :, None]))
    return (turned * objective.predictor.jvp(solved)[:, :, 0]).sum(axis=1) - own


def _gradient(objective, beliefs, raw=None):
    """Derivative of each row's expected loss in its raw predictions, (n, K)."""
    raw = objective.raw_prediction if raw is None else raw
    return sum(p[:, None] * objective.loss.gradient(target, raw) for p, target in beliefs)
