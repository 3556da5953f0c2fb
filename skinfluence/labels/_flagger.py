"""LabelFlagger: wires inputs, sources, noise model and report."""

import copy
from time import perf_counter
from typing import Any, ClassVar

import numpy as np
from sklearn import config_context
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import check_consistent_length, get_tags
from sklearn.utils.validation import check_is_fitted

from skinfluence.explainer import InfluenceExplainer
from skinfluence.labels._fitting import check_trusted, judge_rows, make_explainer
from skinfluence.labels._inputs.rows import take_rows
from skinfluence.labels._inputs.settings import (
    CONSTRAINTS,
    check_settings,
    check_weight,
    gap_rows,
    new_table,
    read_table,
)
from skinfluence.labels._inputs.targets import as_labels, read_target
from skinfluence.labels._outputs import check_one_output, each_output, fit_outputs
from skinfluence.labels._review.report import summarize, verdicts
from skinfluence.labels._review.review import Review


class LabelFlagger(Review, OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Find wrong labels, or wrong values of a regression, from one fit.

    A noise model is fitted to out-of-sample predictions, which for linear models are known in
    closed form (leave-one-out). It estimates the probability of each given label for each true one,
    and the probability that each given label is right.

    It is a transformer whose `transform` changes nothing, and may be any step of a pipeline.

    Parameters
    ----------
    estimator : estimator, default=None
        Model of the out-of-sample predictions. With a classifier y holds classes, with a regressor
        values. None: strings are classes, numbers values, and whole numbers either: classes if at
        most ten differ, values if rows with similar numbers are similar (see `target_type_`). The
        flagger then chooses a representation of the data itself, by the leave-one-out likelihood;
        categories, free text and missing values are encoded. Leave-one-out predictions come in
        closed form from estimators that :class:`~skinfluence.InfluenceExplainer` supports; others
        (a forest) are cross-validated (see `judged_by_`).
    ranking : str, default="leave_one_out"
        Score by which the rows are ranked:

        - "leave_one_out": the probability that the label is wrong, by the noise model on
          leave-one-out probabilities;
        - "cross_validation": the same on 5-fold cross-validated probabilities, of ExtraTrees where
          `estimator` is None; not repeated with other row weights;
        - "self_influence": influence on the row's own loss (Koh & Liang 2017, section 5.4);
        - "loss": training loss of the row;
        - "relative": self-influence per unit of change of the coefficients (RelatIF);
        - "reference": minus the mean influence on the trusted rows that `fit` is given.

        The last four are of the model that was fitted to all labels as given. The number of flagged
        rows, `label_quality_` and `suggested_` always come from the noise model.
    representation : {"auto", "linear", "rbf"}, default="auto"
        Where `estimator` is None: models linear in the scaled columns, in radial basis functions of
        them, or both and a forest, averaged where their likelihoods are near.
    n_components : "auto" or int, default="auto"
        Largest number of landmarks of an RBF representation. "auto": 300, and up to 4,000 of many
        rows while the likelihood improves, in less time than a cross-validated forest is estimated
        to take.
    noise_model : bool, default=True
        Whether to estimate the noise and refit with rows weighted by the probability that their
        label is right. False: one fit, and `label_quality_` is the leave-one-out probability of the
        given label (margins become probabilities at a fitted temperature).
    contamination : {"auto", "strict"} or float, default="auto"
        Number of flagged labels: the estimated one (too high if the model can hardly predict the
        labels), only labels that are wrong with high confidence, or this share of the rows.
    damping : "auto" or float, default="auto"
        Penalty ``damping * sum(weight) / 2`` on the squared coefficients, on top of the estimator's
        own; "auto" takes the best leave-one-out likelihood, and for a given estimator only where
        the gain is clear.
    solver : str or Solver, default="auto"
        Solver for the inverse Hessian, as for InfluenceExplainer.
    max_iter : int, default=2
        Largest number of fits with row weights from the noise model. There is only one fit if the
        errors of the model outnumber the wrong labels.
    random_state : int, RandomState instance or None, default=None
        For landmarks and folds, and for estimators without a seed of their own. None: a fixed seed.
    n_jobs : int, default=None
        Number of folds fitted in parallel, and of threads of the explainer. Results do not depend
        on it.
    verbose : int, default=None
        1 prints the fitted model and the results. Longer computations show their progress as in
        InfluenceExplainer; 0 shows none.

    Attributes
    ----------
    scores_ : ndarray of shape (n_samples,)
        Higher is more suspicious. In [0, 1] where the noise model ranks.
    label_quality_ : ndarray of shape (n_samples,)
        Probability in [0, 1] that the given label is right.
    flagged_ : ndarray of bool of shape (n_samples,)
        Rows flagged as mislabelled: the first of the ranking, their number by `contamination`. The
        last of many may have a high label quality: they are flagged for the estimated number.
    ranking_ : ndarray of int of shape (n_samples,)
        Rows, the most suspicious first.
    suggested_ : ndarray of shape (n_samples,)
        Most probable label, for a flagged row the most probable other one; or the value that is
        predicted without the row.
    loo_proba_ : ndarray of shape (n_samples, n_classes)
        Probability of each class by the model without the row, with a noise model at the fitted
        temperature. Classification only.
    loo_prediction_ : ndarray of shape (n_samples,)
        Value predicted without the row. Regression only.
    noise_matrix_ : ndarray of shape (n_classes, n_classes)
        Estimated probability of each given label (column) for each true one (row).
    noise_matrix_std_ : ndarray of shape (n_classes, n_classes)
        Its standard error.
    noise_rate_, noise_rate_std_ : float
        Estimated share of wrong labels by the noise model, and its standard error. Of values, the
        share of those that are wrong more likely than not.
    contamination_ : float
        Share that is flagged. Below `noise_rate_` where fewer rows contradict their label.
    judged_by_ : {"leave_one_out", "cross_validation"}
        Source of the out-of-sample predictions.
    damping_ : float or None
        The damping that was used.
    row_weight_ : ndarray of shape (n_samples,)
        Share of each row's weight in the last fit, in [0, 1].
    row_names_ : pandas.Index or ndarray of shape (n_samples,)
        Names of the rows: the index of the training data, else their positions.
    reviewed_ : ndarray of bool of shape (n_samples,)
        Rows whose label a person has confirmed or corrected, by `update`.
    description_ : str
        Model of the predictions, and the types inferred for columns and for whole numbers in y.
    target_type_ : {"classes", "values"}
        Type of y.
    flaggers_ : list of LabelFlagger
        Where y has several columns, one for each, and the arrays above have one column for each.
    explainer_ : InfluenceExplainer
        Explainer of the model of the predictions; created at first use. Missing for cross-validated
        models.
    classes_ : ndarray of shape (n_classes,)
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features,)

    See Also
    --------
    skinfluence.InfluenceExplainer : Influence of training rows on predictions.
    skinfluence.CleanedClassifier : Learns without the flagged labels.

    Notes
    -----
    A row of weight zero has no influence and is evaluated like a new row.

    References
    ----------
    P. W. Koh and P. Liang, "Understanding black-box predictions via influence functions", ICML
    2017. C. Northcutt, L. Jiang and I. Chuang, "Confident learning", JAIR 70, 2021. E. Barshan,
    M.-E. Brunet and G. Dziugaite, "RelatIF", AISTATS 2020.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from skinfluence.datasets import flip_labels
    >>> from skinfluence.labels import LabelFlagger
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> y_noisy, flipped = flip_labels(y, 0.1, random_state=0)
    >>> flagger = LabelFlagger().fit(X, y_noisy)
    >>> print(f"{flipped[flagger.ranking_[:40]].mean():.1f} of the first 40 are wrong")
    1.0 of the first 40 are wrong
    """

    _parameter_constraints: ClassVar[dict] = CONSTRAINTS
    # set by fit
    _judgement: Any
    _explainer: InfluenceExplainer | None

    def __init__(
        self,
        estimator=None,
        *,
        ranking="leave_one_out",
        representation="auto",
        n_components="auto",
        noise_model=True,
        contamination="auto",
        damping="auto",
        solver="auto",
        max_iter=2,
        random_state=None,
        n_jobs=None,
        verbose=None,
    ):
        self.estimator = estimator
        self.ranking = ranking
        self.representation = representation
        self.n_components = n_components
        self.noise_model = noise_model
        self.contamination = contamination
        self.damping = damping
        self.solver = solver
        self.max_iter = max_iter
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    def fit(self, X, y, sample_weight=None, *, X_trusted=None, y_trusted=None):
        """Estimate which of the given labels are wrong.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features), or documents
            What the estimator takes. Without one: see "Tables and targets of a label flagger".
            Held by reference for :meth:`report` and `explainer_`: do not change it afterwards.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Given labels of any sortable type, or values of a regression. Several columns are
            evaluated independently (see `flaggers_`).
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows; 0 leaves a row out.
        X_trusted, y_trusted : rows as of X and their labels, default=None
            Known to be right, for ``ranking="reference"``; not used by other rankings.

        Returns
        -------
        self : LabelFlagger
            Fitted.

        Raises
        ------
        ValueError
            For missing labels, columns of an unknown type, labels of one class only, invalid
            settings.
        UnsupportedEstimatorError
            For a ranking by influence with an estimator that InfluenceExplainer does not support.
        """
        begun = perf_counter()
        check_settings(self)
        if fit_outputs(self, X, y, sample_weight, X_trusted, y_trusted):
            return self
        X = read_table(self, X, y)
        y = copy.deepcopy(y)  # labels are corrected in place; what was judged stays what it was
        self._settings = self.get_params(deep=False)  # `set_params` changes the next fit
        weight = check_weight(sample_weight, X)
        target, self._target_note = read_target(self, X, y, weight)
        trusted = check_trusted(self, X_trusted, y_trusted, target)
        # inside, the weights are the flagger's own: no request of the user's concerns them
        with config_context(enable_metadata_routing=False):
            judge_rows(self, X, y, target, weight, trusted)
        if self.verbose:
            n, flagged = len(self.flagged_), int(self.flagged_.sum())
            print(
                f"[LabelFlagger] {self.description_.rstrip('.')}: {flagged} of {n} rows flagged "
                f"({self.contamination_:.1%}), in {perf_counter() - begun:.2f} s"
            )
        return self

    def transform(self, X):
        """X, unchanged.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
            Any rows with the columns that `fit` has seen.

        Returns
        -------
        {ndarray, sparse matrix, data frame} of shape (n_samples, n_features)
            Lists become an array.
        """
        table = self._new_table(X)
        gaps = gap_rows(table)
        if gaps.any():  # the model refuses what it could not have judged
            self._judgement.prediction.predict(take_rows(table, gaps))
        return table

    def fit_predict(self, X, y, sample_weight=None, *, X_trusted=None, y_trusted=None):
        """Fit, and return which training rows are flagged.

        Parameters
        ----------
        X, y, sample_weight, X_trusted, y_trusted : as for :meth:`fit`
            Rows, given labels or values, weights of the rows, and rows of right labels.

        Returns
        -------
        ndarray of int of shape (n_samples,)
            -1 for rows flagged as mislabelled, +1 for the others.
        """
        self.fit(X, y, sample_weight, X_trusted=X_trusted, y_trusted=y_trusted)
        return np.where(self.flagged_, -1, 1)

    def score_labels(self, X, y):
        """Probability that the labels of new rows are wrong.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
            Not the training rows: those have `scores_`, by models without them.
        y : array-like of shape (n_samples,)
            Their given labels. One that `fit` has not seen cannot be right: score 1.

        Returns
        -------
        ndarray of shape (n_samples,)
            In [0, 1], whatever `ranking` is.
        """
        if hasattr(self, "flaggers_"):
            return np.column_stack(each_output(self, "score_labels", X, y))
        rows = self._new_rows(X, y)
        return 1.0 - self._judgement.of_new_rows(*rows)[0]

    def score(self, X, y):
        """Mean log-likelihood of the given labels of new rows under the noise model.

        A search over `damping`, `representation` or `noise_model` maximises it.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
            Not the training rows.
        y : array-like of shape (n_samples,)
            Their given labels or values.

        Returns
        -------
        float
            In nats per row.
        """
        if hasattr(self, "flaggers_"):
            return float(sum(each_output(self, "score", X, y)))
        rows = self._new_rows(X, y)
        return float(self._judgement.log_likelihood(*rows).mean())

    def _new_table(self, X):
        check_is_fitted(self)
        return new_table(self, X)

    def _new_rows(self, X, y):
        X, y = self._new_table(X), as_labels(y)
        check_consistent_length(X, y)
        return X, self._target.encode(y)

    def summary(self):
        """Numbers of labels flagged, estimated to be wrong, and surely wrong; and the flagged rows.

        Returns
        -------
        LabelSummary
            Prints as text and shows as HTML in notebooks; :meth:`report` has every row.
        """
        check_one_output(self)
        return summarize(self)

    def report(self, *, n_against=3, explain=1000):
        """Table of suggestions, qualities and flags, one row per training row.

        Parameters
        ----------
        n_against : int, default=3
            Number of training rows to name whose influence contradicts the label most.
        explain : int or "all", default=1000
            Number of flagged rows to name them for, the most suspicious first; "all": every row, in
            a time that grows with the square of the rows.

        Returns
        -------
        DataFrame
            In the frame type of the training data, in their order and with their index: `row` (its
            name in that index), `given`, `suggested`, `quality`, `flag`, and `against_1` ... (names
            of training rows, the strongest first, or missing). Cross-validated models have no
            influences and no such columns.
        """
        check_one_output(self)
        return verdicts(self, n_against, explain)

    @property
    def explainer_(self):
        """InfluenceExplainer of the model of the predictions; created at first use."""
        check_one_output(self)
        if self._explainer is None:
            self._explainer = make_explainer(self)
        return self._explainer

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = tags.target_tags.multi_output = True
        if self.estimator is None:
            tags.input_tags.sparse = tags.input_tags.allow_nan = True
        else:
            tags.input_tags = get_tags(self.estimator).input_tags
        return tags
