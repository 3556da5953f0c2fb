"""Targets by name."""

from skinfluence.targets._base import Target
from skinfluence.targets._rows import DecisionValue, LossValue, Prediction, Probability

#: Class of each target that has a name; "auto" is one of the first two.
TARGETS: dict[str, type[Target]] = {
    "loss": LossValue,
    "predict": Prediction,
    "decision_function": DecisionValue,
    "predict_proba": Probability,
}


def bind_target(target, objective, raw, y_test):
    """Target of given test rows.

    Parameters
    ----------
    target : {"auto", "loss", "predict", "decision_function", "predict_proba"} or Target
    objective : Objective
    raw : ndarray of shape (n_test, K)
    y_test : array-like of shape (n_test,) or (n_test, K), or None
        Labels or values of the test rows.

    Returns
    -------
    Target
    """
    if isinstance(target, str) and target == "auto":
        target = "predict" if y_test is None else "loss"
    if isinstance(target, str) and target in TARGETS:
        target = TARGETS[target]()
    if not isinstance(target, Target):
        raise ValueError(
            f"target={target!r} is not known. Expected one of {['auto', *TARGETS]}, or an object "
            "of skinfluence.targets."
        )
    return target.bind(objective, raw, y_test)
