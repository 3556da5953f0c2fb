"""Rows to review next, by quality or by gain, and updates with reviewed labels."""

from typing import Any

import numpy as np
from sklearn import config_context

from skinfluence._utils.checks import check_choice, check_whole
from skinfluence._utils.warnings import ignore_last_of_class
from skinfluence.labels._cleaning.choice import replace_values
from skinfluence.labels._fitting import make_explainer, record
from skinfluence.labels._inputs.targets import Target, as_labels
from skinfluence.labels._outputs import check_one_output
from skinfluence.labels._review.report import label_columns
from skinfluence.targets import Mean


class Review:
    """The part of LabelFlagger that works with a reviewer."""

    def suggest_review(
        self: Any, k=10, *, strategy="quality", X_test=None, y_test=None, as_frame=False
    ):
        """Rows whose labels to review next.

        Parameters
        ----------
        k : int, default=10
            Number of rows; fewer where not so many are left.
        strategy : {"quality", "gain"}, default="quality"
            "quality": labels that are most probably wrong. "gain": labels whose correction is
            expected to lower the loss most, by the influence of the relabelled row.
        X_test, y_test : rows and labels, default=None
            For "gain", rows with trusted labels whose loss counts. None: the training rows with
            their probable labels, each as predicted without it.
        as_frame : bool, default=False
            Whether to return a table with the names of the rows.

        Returns
        -------
        ndarray of int of shape (k,), or DataFrame
            Positions of training rows that were not reviewed, for :meth:`update`. As a table in the
            frame type of the training data: `row` (their names), `position` (where that differs),
            and `given`, `suggested` and `quality` as in :meth:`report`.

        Raises
        ------
        AttributeError
            For "gain" if the predictions are those of cross-validated models, which have no
            influence.
        ValueError
            For X_test with other columns than `fit` has seen, or labels of an unknown class.
        """
        check_one_output(self)
        check_whole("k", k)
        check_choice("strategy", strategy, ("quality", "gain"))
        if (X_test is None) != (y_test is None):
            raise ValueError("Expected both of X_test and y_test, or neither.")
        if X_test is not None:
            if strategy != "gain":
                raise ValueError('X_test and y_test are for strategy="gain"; leave them out.')
            X_test = self._new_table(X_test)
        if strategy == "quality":
            order = np.lexsort((-self.scores_, self.label_quality_))
        else:
            order = np.argsort(-self._gains(X_test, y_test), kind="stable")
        left = ~self.reviewed_ & (self._weight > 0)
        rows = order[left[order]][:k]
        if not as_frame:
            return rows
        columns = {name: values[rows] for name, values in label_columns(self).items()}
        return self.training_rows_.table(rows, columns)

    @property
    def row_names_(self: Any):
        """Names of the training rows: the index of the training data, else positions (n,)."""
        check_one_output(self)
        return self.training_rows_.names()

    def _gains(self: Any, X_test, y_test):
        """Expected reduction of the loss by each row's correction, (n,)."""
        with config_context(enable_metadata_routing=False):
            explainer = make_explainer(self, noise=False)
        objective = explainer.objective_
        n, quality, encode = len(self._weight), self.label_quality_, objective.coding.encode
        if self._target.classes is None:  # the given value is right, or the suggested one is
            beliefs = [(quality, objective.y), (1.0 - quality, encode(self.suggested_))]
        else:  # rows without weight have nothing to gain, whatever their labels are
            posterior = np.full((n, self._target.n_classes), 1.0)
            posterior[self._weight > 0] = self._judgement.posterior
            encode = objective.coding.encode_codes
            beliefs = [(p, encode(np.full(n, k))) for k, p in enumerate(posterior.T)]
        return expected_gains(explainer, beliefs, X_test, y_test)

    def update(self: Any, rows, labels):
        """Correct labels, and estimate the quality of the other rows again.

        The rows become certain: they have their whole weight and quality 1, and are never flagged
        or suggested again; `contamination_` is that of the others. Representations, folds and the
        damping of a given estimator stay.

        Parameters
        ----------
        rows : array-like of int, of names, or bool mask
            Reviewed training rows, also those whose label was right: by position, by name in the
            index of the training data (as :meth:`report` names them), or by a mask.
        labels : array-like of shape (n_rows,)
            Their right labels, of known classes: the given one where it was right.

        Returns
        -------
        self : LabelFlagger
            With all fitted attributes of models of the corrected labels. The noise of classes is
            estimated from both labels of a reviewed row: `noise_matrix_` is that of the labels
            before any review, `noise_rate_` the share of wrong labels among the other rows.

        Raises
        ------
        ValueError
            For rows that are unknown or named twice, labels of an unknown class, or a pandas column
            of labels whose index names other rows or the same ones in another order.
        """
        check_one_output(self)
        rows = self.training_rows_.positions(rows)
        if len(np.unique(rows)) < len(rows):
            raise ValueError("rows names a row twice; expected one label per row.")
        self.training_rows_.in_order(labels, rows, what="labels")
        labels = as_labels(labels)
        if len(labels) != len(rows):
            raise ValueError(
                f"{len(rows)} rows were reviewed but {len(labels)} labels are given. Expected one "
                "label a row."
            )
        codes, classes = self._target.encode_known(labels, "labels"), self._target.classes
        labels = codes if classes is None else classes[codes]
        target = Target(replace_values(self._target.given, rows, labels), classes)
        there, reviewed = self._weight > 0, self.reviewed_.copy()
        reviewed[rows] = True
        part, closed = target.take(there), self._closed
        with config_context(enable_metadata_routing=False):
            source = self._source.with_target(part)
            if closed is not None:
                closed = source if closed is self._source else closed.with_target(part)
            record(self, target, source, closed, before=self._judgement, certain=reviewed[there])
        self.reviewed_ = reviewed
        self.label_quality_[reviewed] = 1.0
        self.flagged_ = self.flagged_ & ~reviewed
        self.suggested_[reviewed] = target.given[reviewed]
        self.scores_[reviewed] = 0.0
        self.ranking_ = self.ranking_[np.argsort(reviewed[self.ranking_], kind="stable")]
        return self


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
