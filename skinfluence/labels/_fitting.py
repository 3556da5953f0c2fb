"""`LabelFlagger.fit`: source, noise model, score and flags of every row."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_random_state

from skinfluence._utils.frames import take_rows
from skinfluence._utils.rows import NamedRows
from skinfluence.adapters import fit_recorded, weight_parameter
from skinfluence.explainer import InfluenceExplainer
from skinfluence.labels._noise import fit_noise_model
from skinfluence.labels._sources.choice import choose_sources


def judge_rows(flagger, X, y, target, weight):
    """Set all fitted attributes of a flagger whose input has been checked."""
    there = weight > 0
    seed = check_random_state(flagger.random_state or 0).randint(2**31 - 1)
    part = X if there.all() else take_rows(X, there)
    sources = choose_sources(flagger, part, target.take(there), weight[there], seed)
    flagger.reviewed_ = np.zeros(len(there), dtype=bool)
    flagger.X_train_, flagger._weight, flagger.training_rows_ = X, weight, NamedRows(X, y)
    record(flagger, target, *sources)


def record(flagger, target, source, closed, **review):
    """Set the fitted attributes: rows judged by a source, `closed` the one with influences."""
    X, weight, classes = flagger.X_train_, flagger._weight, target.classes
    there, settings = weight > 0, flagger._settings
    chosen = {name: settings[name] for name in ("contamination", "noise_model", "max_iter")}
    verdict = fit_noise_model(source, target.take(there), weight[there], **chosen, **review)
    flagger._judgement, flagger._target, flagger._explainer = verdict, target, None
    flagger._source, flagger._closed, flagger.n_iter_ = source, closed, verdict.n_iter
    flagger.judged_by_ = "leave_one_out" if source is closed else "cross_validation"
    flagger.description_ = verdict.prediction.description + flagger._target_note
    flagger.target_type_ = "values" if classes is None else "classes"
    flagger.damping_ = verdict.prediction.damping
    flagger.contamination_ = verdict.contamination
    vars(flagger).update(verdict.attributes())
    flagger.expected_gain_, flagger.expected_gain_std_ = verdict.expected_gain()
    rows = [
        verdict.quality, verdict.suggested, verdict.out_of_sample,
        verdict.tie_break, verdict.row_weight, verdict.flagged,
    ]  # fmt: skip
    if not there.all():  # rows without weight are judged like new ones
        new = verdict.of_new_rows(take_rows(X, ~there), target.codes[~there])
        place = np.argsort(np.argsort(~there, kind="stable"))  # in the order of the table
        pairs = zip(rows, (*new, *np.zeros((3, (~there).sum()))), strict=True)
        rows = [np.concatenate([v, w]).astype(v.dtype)[place] for v, w in pairs]
    flagger.label_quality_, suggested, said, tie_break, flagger.row_weight_, flagged = rows
    if classes is None:
        flagger.suggested_, flagger.loo_prediction_ = suggested.copy(), said
    else:
        flagger.suggested_, flagger.loo_proba_, flagger.classes_ = classes[suggested], said, classes
    flagger.scores_ = 1.0 - flagger.label_quality_
    if flagged.any():
        flagged = flagged | (~there & (flagger.scores_ >= flagger.scores_[flagged].min()))
    flagger.flagged_ = flagged
    flagger.ranking_ = np.lexsort((-tie_break, -flagger.scores_))


def make_explainer(flagger, noise=True):
    """InfluenceExplainer of the model of a flagger's predictions.

    With the row weights and the damping of the noise model's last fit; without `noise` with the
    user's own weights and the estimator as it is.
    """
    X, target, weight = flagger.X_train_, flagger._target, flagger._weight
    if flagger._closed is None:
        raise AttributeError(
            f"{flagger.description_}: such a model has no influences and no explainer_. Give an "
            'estimator that InfluenceExplainer knows, with ranking="leave_one_out".'
        )
    there, labels = np.flatnonzero(weight), target.given
    if noise:
        weight = weight * flagger.row_weight_
    estimator, damping = flagger._closed.model(weight)
    if not noise and flagger._settings["damping"] == "auto":
        damping = 0.0  # it was chosen for other row weights
    if target.classes is not None and (target.codes < 0).any():
        # labels that only rows without weight have: the model does not know them
        labels = target.classes[np.maximum(target.codes, 0)]
    if len(there) < len(weight):  # the steps before the model must not see absent rows either
        part, weights = take_rows(X, there), {weight_parameter(estimator): weight[there]}
        fitted = fit_recorded(estimator, part, labels[there], weights, positions=there)
        estimator = FrozenEstimator(fitted)
    explainer = InfluenceExplainer(
        estimator, damping=damping, n_jobs=flagger.n_jobs, verbose=flagger.verbose
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # shown when the rows were judged
        explainer.fit(X, labels, sample_weight=None if (weight == 1).all() else weight)
    explainer.training_rows_ = flagger.training_rows_  # the names may be those of the user's labels
    return explainer
