"""Review by people: which labels to look at next, and what their answers change."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn import config_context

from skinfluence._utils.checks import check_choice, check_whole
from skinfluence._utils.rows import NamedRows
from skinfluence.labels._fitting import make_explainer, record
from skinfluence.labels._inputs.targets import Target, as_labels
from skinfluence.labels._noise.judgement import judge
from skinfluence.labels._outputs import check_one_output
from skinfluence.labels._review.gain import class_beliefs, expected_gains, value_beliefs
from skinfluence.labels._scores import SCORES
from skinfluence.labels._sources.choice import Choice

__all__ = ["Review"]

STRATEGIES = ("quality", "gain")


class Review:
    """The part of LabelFlagger that works with a reviewer."""

    # set by LabelFlagger
    label_quality_: np.ndarray
    scores_: np.ndarray
    suggested_: np.ndarray
    flagged_: np.ndarray
    ranking_: np.ndarray
    reviewed_: np.ndarray
    _settings: dict
    _new_table: Callable
    training_rows_: NamedRows
    _X: object
    _weight: np.ndarray
    _target: Target
    _choice: Choice
    _judgement: Any  # ClassJudgement or ValueJudgement

    def suggest_review(self, k=10, *, strategy="quality", X_test=None, y_test=None, as_frame=False):
        """The labels that a person should look at next.

        Parameters
        ----------
        k : int, default=10
            How many; fewer where not so many are left.
        strategy : {"quality", "gain"}, default="quality"
            "quality": those that are most probably wrong. "gain": those whose correction is
            expected to lower the loss most, by the influence of the relabelled row on the model
            that was fitted to all labels as they stand: the mean over what the true label may be.
        X_test, y_test : rows and labels, default=None
            For "gain", the rows whose loss counts, with labels that can be trusted. None: the
            training rows at what their labels are believed to be, each as predicted without it.

        as_frame : bool, default=False
            Whether to return a table with the names of the rows.

        Returns
        -------
        ndarray of int of shape (k,), or DataFrame
            Positions of training rows, the first to look at first; none that was reviewed, none
            without weight. As a table in the frame type of the training data: `row` (their names),
            `position` (where that differs), and `given`, `suggested` and `quality` as in
            :meth:`report`. :meth:`update` takes the rows back, in either form.

        Raises
        ------
        AttributeError
            For "gain" where the rows are judged by cross-validated models, which have no influence.
        ValueError
            For X_test with other columns than `fit` has seen, or labels of an unknown class.
        """
        check_one_output(self)
        check_whole("k", k)
        check_choice("strategy", strategy, STRATEGIES)
        if (X_test is None) != (y_test is None):
            raise ValueError("Expected both of X_test and y_test, or neither.")
        if X_test is not None and strategy != "gain":
            raise ValueError('X_test and y_test are for strategy="gain"; leave them out.')
        if X_test is not None:
            X_test = self._new_table(X_test)
        if strategy == "quality":
            order = np.lexsort((-self.scores_, self.label_quality_))
        else:
            order = np.argsort(-self._gains(X_test, y_test), kind="stable")
        left = ~self.reviewed_ & (self._weight > 0)
        rows = order[left[order]][:k]
        if not as_frame:
            return rows
        columns = {
            "given": self._target.given,
            "suggested": self.suggested_,
            "quality": self.label_quality_,
        }
        return self.training_rows_.table(rows, {name: v[rows] for name, v in columns.items()})

    @property
    def row_names_(self):
        """Names of the training rows: the index of the training data, else positions (n,)."""
        check_one_output(self)
        return self.training_rows_.names()

    def _gains(self, X_test, y_test):
        """Expected reduction of the loss by each row's correction, (n,)."""
        with config_context(enable_metadata_routing=False):
            explainer = make_explainer(self, noise=False)
        objective = explainer.objective_
        if self._target.classes is None:
            beliefs = value_beliefs(objective, self.label_quality_, self.suggested_)
        else:
            posterior = np.full((len(self._weight), len(self._target.classes)), np.nan)
            posterior[self._weight > 0] = self._judgement.model.posterior
            # rows without weight have nothing to gain, whatever is believed of them
            posterior[self._weight == 0] = 1.0 / posterior.shape[1]
            beliefs = class_beliefs(objective, posterior)
        return expected_gains(explainer, beliefs, X_test, y_test)

    def update(self, rows, labels):
        """Fold a reviewer's answers in, and judge the other rows again.

        The rows become certain: they count with their whole weight, have quality 1, and are never
        flagged or suggested again; `contamination_` is that of the others. What was learnt before
        is kept: representations and which of them are worth fitting, folds, the damping of a given
        estimator, and the noise matrix to start from.

        Parameters
        ----------
        rows : array-like of int, of names, or bool mask
            Training rows that were looked at, by position, by name in the index of the training
            data (as :meth:`report` names them), or by a mask.
        labels : array-like of shape (n_rows,)
            What their labels should be: the given one where it was right. Of known classes.

        Returns
        -------
        self : LabelFlagger
            With all fitted attributes as after a fit to the corrected labels.

        Raises
        ------
        ValueError
            For rows that are not there or named twice, labels of an unknown class, or a pandas
            column of labels whose index names other rows or the same ones in another order.
        """
        check_one_output(self)
        rows = self.training_rows_.positions(rows)
        if len(np.unique(rows)) < len(rows):
            raise ValueError("rows names a row twice; expected one answer a row.")
        self.training_rows_.in_order(labels, rows, what="labels")
        labels = as_labels(labels)
        if len(labels) != len(rows):
            raise ValueError(
                f"{len(rows)} rows were reviewed but {len(labels)} labels are given. Expected one "
                "label a row."
            )
        target, weight = self._corrected(rows, labels), self._weight
        there = weight > 0
        reviewed = self.reviewed_.copy()
        reviewed[rows] = True
        known = Target(target.given[there], target.classes)
        with config_context(enable_metadata_routing=False):
            choice = self._choice.with_target(known)
            verdict = judge(
                choice.source,
                known,
                weight[there],
                contamination=self._settings["contamination"],
                noise_model=bool(self._settings["noise_model"]),
                max_iter=self._settings["max_iter"],
                # Rounds end early, within a tolerance: from the old weights they would end
                # somewhere else than a fit to the corrected labels does.
                start=replace(self._judgement.model, row_weight=np.ones(there.sum())),
                certain=reviewed[there],
            )
            record(self, self._X, target, weight, choice, verdict)
        self._set_reviewed(reviewed, target)
        return self

    def _corrected(self, rows, labels):
        """The target with the reviewer's labels in place."""
        old = self._target
        codes = old.encode(labels)
        if old.classes is not None and (codes < 0).any():
            raise ValueError(
                f"labels holds {np.asarray(labels)[codes < 0][:5].tolist()}, which no training row "
                f"had. Expected labels of {old.classes.tolist()[:20]}; fit again to learn a new "
                "class."
            )
        given = np.array(old.given)
        given[rows] = codes if old.classes is None else old.classes[codes]
        return Target(given, old.classes)

    def _set_reviewed(self, reviewed, target):
        """Quality, flag, suggestion and rank of the rows that are certain now."""
        self.reviewed_ = reviewed
        self.label_quality_[reviewed] = 1.0
        self.flagged_ = self.flagged_ & ~reviewed
        self.suggested_[reviewed] = target.given[reviewed]
        by_quality = SCORES[self._settings["ranking"]] is None
        self.scores_[reviewed] = 0.0 if by_quality else self.scores_.min()
        self.ranking_ = self.ranking_[np.argsort(reviewed[self.ranking_], kind="stable")]
