"""The ways of computing one influence matrix, by name."""

from collections.abc import Callable
from dataclasses import dataclass

from sklearn.frozen import FrozenEstimator

from benchmarks import _by_hand
from benchmarks.peers import captum, pydvl, pyinfluence
from skinfluence import InfluenceExplainer


@dataclass(frozen=True)
class Way:
    """One way from a fitted estimator to the (n_test, n_train) influence matrix.

    `formula`, `polished` and `intercept_penalised` name the exact answer it is to agree with.
    `prepare` makes of the case what `run` takes, outside of what is measured.
    """

    name: str
    label: str
    run: Callable
    formula: str = "first_order"
    polished: bool = False
    intercept_penalised: bool = False
    needs: str = "numpy"  # module without which the way is skipped
    uses_torch: bool = False
    binary_only: bool = False
    dtype: str = "float64"
    prepare: Callable | None = None


def explained(method, polish, solver="auto"):
    """From the fitted estimator to the influence matrix with InfluenceExplainer."""

    def run(case):
        explainer = InfluenceExplainer(
            FrozenEstimator(case.estimator), polish=polish, solver=solver
        )
        explainer.fit(case.X, case.y)
        return explainer.influence(case.X_test, case.y_test, method=method)

    return run


#: The way that ratios are relative to.
BASE = "by_hand"

WAYS = {
    way.name: way
    for way in (
        Way(
            "two_products",
            "the two products alone, from their factors",
            _by_hand.two_products,
            prepare=_by_hand.factors,
        ),
        Way("by_hand", "numpy by hand, test rows solved", _by_hand.smaller_side),
        Way("by_hand_all", "numpy by hand, training rows solved", _by_hand.all_training_rows),
        Way(
            "first_order",
            'skinfluence, "first_order", polish=False',
            explained("first_order", polish=False),
        ),
        Way(
            "first_order_polished",
            'skinfluence, "first_order"',
            explained("first_order", polish=True),
            polished=True,
        ),
        Way(
            "by_hand_newton",
            "numpy by hand, Newton step",
            _by_hand.newton_step,
            formula="newton_step",
        ),
        Way(
            "newton_step",
            'skinfluence, "newton_step", polish=False',
            explained("newton_step", polish=False),
            formula="newton_step",
        ),
        Way(
            "newton_step_polished",
            'skinfluence, "newton_step" (the default)',
            explained("newton_step", polish=True),
            formula="newton_step",
            polished=True,
        ),
        Way(
            "pyinfluence",
            "pyinfluence InfluenceFunctions",
            pyinfluence.closed_form,
            needs="pyinfluence",
        ),
        Way(
            "captum",
            "captum NaiveInfluenceFunction",
            captum.naive,
            intercept_penalised=True,
            needs="captum",
            uses_torch=True,
        ),
        Way(
            "pydvl",
            "pyDVL DirectInfluence",
            pydvl.direct,
            intercept_penalised=True,
            needs="pydvl",
            uses_torch=True,
        ),
    )
}
