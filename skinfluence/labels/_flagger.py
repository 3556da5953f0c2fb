"""LabelFlagger: wires inputs, sources, noise model and report."""

import copy
from time import perf_counter
from typing import Any, ClassVar

import numpy as np
from sklearn import config_context
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import assert_all_finite, check_consistent_length, get_tags
from sklearn.utils.validation import check_is_fitted

from skinfluence._utils.frames import frame_backend
from skinfluence.explainer import InfluenceExplainer
from skinfluence.labels._fitting import judge_rows, make_explainer
from skinfluence.labels._inputs.settings import (
    CONSTRAINTS,
    check_settings,
    check_weight,
    new_table,
    read_table,
)
from skinfluence.labels._inputs.targets import as_labels, read_target
from skinfluence.labels._outputs import check_one_output, each_output, fit_outputs
from skinfluence.labels._review.report import summarize, verdicts
from skinfluence.labels._review.review import Review


class LabelFlagger(Review, OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Find wrong labels, or wrong values of a regression, from one fit.

    A noise model is fitted to out-of-sample predictions. It estimates the probability of each given
    label for each true one, and the probability that each given label is right.

    It is a transformer that leaves X as it is, and may be any step of a pipeline.

    Parameters
    ----------
    estimator : estimator, default=None
        Classifier or regressor of the out-of-sample predictions, in closed form where
        :class:`~skinfluence.InfluenceExplainer` supports it, else cross-validated (`judged_by_`).
        None: the flagger chooses a representation by the leave-one-out squared error, encodes
        categories, free text and missing values, and infers the type of y (`target_type_`):
        strings are classes, numbers values, and whole numbers either.
    ranking : {"leave_one_out", "cross_validation"}, default="leave_one_out"
        Probabilities to which the noise model is fitted: "leave_one_out", or "cross_validation" in
        5 folds, of ExtraTrees where `estimator` is None; not repeated with other row weights.
    representation : {"auto", "linear", "rbf"}, default="auto"
        Where `estimator` is None: models linear in the scaled columns, in radial basis functions of
        them, or both and a forest.
    n_components : "auto" or int, default="auto"
        Largest number of landmarks of an RBF representation. "auto": 300, and up to 4,000 of many
        rows while that error falls, in less time than a cross-validated forest is estimated to
        take.
    noise_model : bool, default=True
        Whether to estimate the noise and refit with rows weighted by the probability that their
        label is right. False: one fit, and `label_quality_` is the leave-one-out probability of the
        given label.
    contamination : {"auto", "strict"} or float, default="auto"
        Number of flagged labels: the estimated one, that of labels that are wrong with high
        confidence, or this share of the rows.
    damping : "auto" or float, default="auto"
        Penalty ``damping * sum(weight) / 2`` on the squared coefficients, on top of the estimator's
        own; "auto" takes the least leave-one-out error, and for a given estimator the best
        leave-one-out likelihood, only where the gain is clear.
    max_iter : int, default=2
        Largest number of fits; one if the errors of the model outnumber the wrong labels.
    random_state : int, RandomState instance or None, default=None
        For landmarks and folds, and for estimators without a seed of their own. None: a fixed seed.
    n_jobs : int, default=None
        Number of folds fitted in parallel, and of threads of the explainer.
    verbose : int, default=None
        1 prints the fitted model and the results; see InfluenceExplainer for progress.

    Attributes
    ----------
    scores_ : ndarray of shape (n_samples,)
        Probability that the label is wrong, ``1 - label_quality_``.
    label_quality_ : ndarray of shape (n_samples,)
        Probability in [0, 1] that the given label is right.
    flagged_ : ndarray of bool of shape (n_samples,)
        Rows flagged as mislabelled: the first of the ranking, their number by `contamination`.
    ranking_ : ndarray of int of shape (n_samples,)
        Rows, the most suspicious first.
    suggested_ : ndarray of shape (n_samples,)
        Most probable label, for a flagged row the most probable other one; or the predicted value.
    loo_proba_, loo_prediction_ : ndarray of shape (n_samples, n_classes) or (n_samples,)
        Probabilities of the classes, or value, predicted without the row.
    noise_matrix_, noise_matrix_std_ : ndarray of shape (n_classes, n_classes)
        Estimated probability of each given label (column) for each true one (row), and its
        standard error.
    noise_rate_, noise_rate_std_ : float
        Estimated share of wrong labels, and its standard error. Of values, the share of those that
        are wrong more likely than not.
    expected_gain_, expected_gain_std_ : float
        Estimated gain in accuracy on right labels, or fall of the mean absolute error, and its
        standard error: the last fit, whose rows are weighted by the probability that their label is
        right, compared with the fit to all labels as given, rows predicted without themselves.
        Labels are those given, corrected by the noise matrix (Natarajan et al. 2013, lemma 1). NaN
        where there was only one fit, or a warning says that the models predict no labels.
    contamination_ : float
        Share that is flagged. Below `noise_rate_` where fewer rows contradict their label.
    judged_by_ : {"leave_one_out", "cross_validation"}
        How the predictions were made.
    damping_ : float or None
        The damping that was used.
    row_weight_ : ndarray of shape (n_samples,)
        Share of each row's weight in the last fit, in [0, 1].
    X_train_ : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
        Training rows, by reference.
    row_names_ : pandas.Index or ndarray of shape (n_samples,)
        Names of the rows: the index of the training data, else their positions.
    reviewed_ : ndarray of bool of shape (n_samples,)
        Rows whose label a person has confirmed or corrected, by `update`.
    description_ : str
        The model, and the types inferred for columns and for whole numbers in y.
    target_type_ : {"classes", "values"}
        Type of y.
    flaggers_ : list of LabelFlagger
        Where y has several columns, one for each, and the arrays above have one column for each.
    explainer_ : InfluenceExplainer
        Explainer of the model, created at first use. Missing for cross-validated models.
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
    C. Northcutt, L. Jiang and I. Chuang, "Confident learning", JAIR 70, 2021. N. Natarajan, I.
    Dhillon, P. Ravikumar and A. Tewari, "Learning with noisy labels", NeurIPS 2013.

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
        self.max_iter = max_iter
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    def fit(self, X, y, sample_weight=None):
        """Estimate which of the given labels are wrong.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features), or documents
            What the estimator takes. Held by reference: do not change it afterwards.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Given labels of any sortable type, or values; each column is evaluated by itself.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows; 0 leaves a row out.

        Returns
        -------
        self : LabelFlagger
            Fitted.

        Raises
        ------
        ValueError
            For missing labels, columns of unknown type, labels of one class, invalid settings.
        """
        begun = perf_counter()
        check_settings(self)
        for name in [name for name in vars(self) if name.endswith("_")]:
            delattr(self, name)  # of an earlier fit, perhaps to another kind of target
        if fit_outputs(self, X, y, sample_weight):
            return self
        X = read_table(self, X, y)
        y = copy.deepcopy(y)  # labels are corrected in place; what was judged stays what it was
        self._settings = self.get_params(deep=False)  # `set_params` changes the next fit
        weight = check_weight(sample_weight, X)
        target, self._target_note = read_target(self, X, y, weight)
        # inside, the weights are the flagger's own: no request of the user's concerns them
        with config_context(enable_metadata_routing=False):
            judge_rows(self, X, y, target, weight)
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
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features), or documents
            Any rows with the columns that `fit` has seen.

        Returns
        -------
        {ndarray, sparse matrix, data frame} of shape (n_samples, n_features)
            Lists become an array.

        Raises
        ------
        ValueError
            For other columns, or missing values where the estimator takes none.
        """
        X = self._new_table(X)
        takes_gaps = get_tags(self).input_tags.allow_nan
        if self._is_table and not frame_backend(X) and not takes_gaps:
            assert_all_finite(X, input_name="X")
        return X

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
            In [0, 1].
        """
        if hasattr(self, "flaggers_"):
            return np.column_stack(each_output(self, "score_labels", X, y))
        rows = self._new_rows(X, y)
        return 1.0 - self._judgement.of_new_rows(*rows)[0]

    def score(self, X, y):
        """Mean log-likelihood of the given labels of new rows under the noise model.

        Parameters
        ----------
        X, y : as for :meth:`score_labels`
            Rows that `fit` has not seen, and their given labels or values.

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
            with config_context(enable_metadata_routing=False):  # as in fit
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
