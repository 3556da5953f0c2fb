"""What `LabelFlagger.fit` does: source, noise model, score and flags of every row."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import _num_samples

from skinfluence._utils.rows import NamedRows
from skinfluence.adapters._fit_record import fit_recorded, weight_parameter
from skinfluence.explainer._explainer import InfluenceExplainer
from skinfluence.labels._inputs.rows import spread, take_rows
from skinfluence.labels._inputs.targets import Target, as_labels
from skinfluence.labels._noise.judgement import judge
from skinfluence.labels._scores import SCORES
from skinfluence.labels._sources.choice import choose_source

__all__ = ["check_trusted", "judge_rows", "make_explainer", "record", "said_of"]

#: Attributes that flaggers of labels or of values have.
OF_ONE_TARGET = (
    "classes_", "noise_matrix_", "noise_matrix_std_", "temperature_", "loo_proba_",
    "loo_prediction_", "noise_scale_", "wrong_scale_",
)  # fmt: skip


def check_trusted(flagger, X_trusted, y_trusted, target):
    """(X, y) of the trusted rows for a score that asks for them; else None."""
    if flagger.ranking != "reference":
        return None
    if X_trusted is None or y_trusted is None:
        raise ValueError(
            'ranking="reference" needs rows whose labels are known to be right: '
            "fit(X, y, X_trusted=X_trusted, y_trusted=y_trusted)."
        )
    y_trusted, n_rows = as_labels(y_trusted), _num_samples(X_trusted)
    if len(y_trusted) != n_rows:
        raise ValueError(
            f"X_trusted has {n_rows} rows but y_trusted has {len(y_trusted)}. Expected one label "
            "a row."
        )
    if (target.encode(y_trusted) < 0).any() and target.classes is not None:
        raise ValueError(
            "y_trusted holds labels that are not among those of y: "
            f"{np.setdiff1d(y_trusted, target.classes)[:5].tolist()}. Expected labels of "
            f"{target.classes.tolist()[:20]}."
        )
    return X_trusted, y_trusted


def judge_rows(flagger, X, y, target, weight, trusted):
    """Set all fitted attributes of a flagger whose input has been checked."""
    there = weight > 0
    everywhere = there.all()
    seed = check_random_state(0 if flagger.random_state is None else flagger.random_state)
    part = X if everywhere else take_rows(X, there)
    known = target if everywhere else Target(target.given[there], target.classes)
    base = weight[there]
    choice = choose_source(flagger, part, known, base, seed.randint(2**31 - 1))
    verdict = judge(
        choice.source,
        known,
        base,
        contamination=flagger.contamination,
        noise_model=bool(flagger.noise_model),
        max_iter=flagger.max_iter,
    )
    flagger.reviewed_ = np.zeros(len(there), dtype=bool)
    flagger._trusted, flagger.training_rows_ = trusted, NamedRows(X, y)
    record(flagger, X, target, weight, choice, verdict)


def record(flagger, X, target, weight, choice, verdict):
    """Set the fitted attributes that a verdict on the rows comes to."""
    there = weight > 0
    flagger._judgement, flagger._choice, flagger._target = verdict, choice, target
    flagger._X, flagger._weight = X, weight
    flagger._known = np.ones(len(weight), bool) if target.classes is None else target.codes >= 0
    flagger._explainer = None
    flagger.judged_by_, flagger.n_iter_ = choice.judged_by, verdict.model.n_iter
    flagger.description_ = verdict.model.opinion.description + flagger._target_note
    flagger.target_type_ = "values" if target.classes is None else "classes"
    flagger.damping_ = verdict.model.opinion.damping
    flagger.contamination_ = verdict.contamination
    for name in OF_ONE_TARGET:
        vars(flagger).pop(name, None)  # of an earlier fit to another kind of target
    vars(flagger).update(verdict.attributes())
    tie_break = _set_judged(flagger, verdict, X, target, there)
    _set_ranked(flagger, verdict, flagger._trusted, target, there, tie_break)


def _set_judged(flagger, verdict, X, target, there):
    """Quality, suggestion and leave-one-out opinion of every row; returns what breaks ties."""
    quality, said = verdict.quality, verdict.said
    suggested = verdict.suggested(verdict.flagged)
    tie_break, row_weight = verdict.tie_break, verdict.model.row_weight
    if not there.all():
        rest = ~there
        new = verdict.of_new_rows(take_rows(X, rest), target.codes[rest])
        quality = spread(quality, there, new[0])
        suggested = spread(suggested, there, new[1])
        said = spread(said, there, new[2])
        tie_break = spread(tie_break, there, 0.0)
        row_weight = spread(row_weight, there, 0.0)
    flagger.label_quality_, flagger.row_weight_ = quality, row_weight
    if target.classes is None:
        flagger.suggested_, flagger.loo_prediction_ = suggested, said
    else:
        flagger.classes_, flagger.loo_proba_ = target.classes, said
        flagger.suggested_ = target.classes[suggested]
    return tie_break


def _set_ranked(flagger, verdict, trusted, target, there, tie_break):
    """Scores, flags and ranking of every row."""
    function = SCORES[flagger.ranking]
    flagged = np.zeros(len(there), dtype=bool)
    if function is None:
        flagger.scores_ = 1.0 - flagger.label_quality_
        flagged[there] = verdict.flagged
        if flagged.any():  # rows without weight: by the same measure
            flagged[~there] = flagger.scores_[~there] >= flagger.scores_[flagged].min()
        flagger.ranking_ = np.lexsort((-tie_break, -flagger.scores_))
    else:
        flagger._explainer = make_explainer(flagger, noise=False)
        flagger.scores_ = function(flagger._explainer, trusted)
        flagger.ranking_ = np.argsort(-flagger.scores_, kind="stable")
        among = flagger.ranking_[there[flagger.ranking_]]
        flagged[among[: int(verdict.flagged.sum())]] = True
        if target.classes is not None:
            flagger.suggested_[there] = target.classes[verdict.suggested(flagged[there])]
    flagger.flagged_ = flagged


def said_of(flagger):
    """What was fitted and found, in a line."""
    share = f"{flagger.contamination_:.1%} of the labels doubted"
    flagged = f"{int(flagger.flagged_.sum())} of {len(flagger.flagged_)} rows flagged"
    return f"{flagger.description_.rstrip('.')}: {share}, {flagged}"


def make_explainer(flagger, noise=True):
    """InfluenceExplainer of the model that judged the rows of a flagger.

    With the row weights and the damping of the noise model's last fit; without `noise` with the
    user's own weights and the estimator as it is.
    """
    choice, target = flagger._choice, flagger._target
    if choice.closed is None:
        raise AttributeError(
            f"{flagger.description_}: such a model has no influences and no explainer_. Give an "
            'estimator that InfluenceExplainer knows, with ranking="leave_one_out".'
        )
    weight = flagger._weight * flagger.row_weight_ if noise else flagger._weight
    estimator, damping = choice.explained(weight)
    if not noise and flagger._settings["damping"] == "auto":
        damping = 0.0  # it was chosen for other row weights
    settings = {"solver": flagger._settings["solver"], "n_jobs": flagger.n_jobs, "damping": damping}
    labels = target.given
    absent = flagger._weight == 0
    if target.classes is not None and (target.codes < 0).any():
        # labels that only rows without weight have: the model does not know them
        labels = target.classes[np.maximum(target.codes, 0)]
    if absent.any():  # the steps before the model must not see them either
        there = np.flatnonzero(~absent)
        part, weights = take_rows(flagger._X, there), {weight_parameter(estimator): weight[there]}
        fitted = fit_recorded(estimator, part, labels[there], weights, positions=there)
        estimator = FrozenEstimator(fitted)
    explainer = InfluenceExplainer(estimator, verbose=flagger.verbose, **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # said when the rows were judged
        explainer.fit(flagger._X, labels, sample_weight=None if (weight == 1).all() else weight)
    explainer.training_rows_ = flagger.training_rows_  # the names may be those of the user's labels
    return explainer
