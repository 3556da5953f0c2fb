"""Source without an estimator: members and their weights."""

from copy import copy
from dataclasses import KW_ONLY, InitVar, dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.pipeline import make_pipeline
from sklearn.utils import check_random_state

from skinfluence._encoding import columns_for_trees
from skinfluence._utils.progress import progress_bar
from skinfluence.labels._inputs.targets import Target
from skinfluence.labels._sources.columns import linear, radial_basis, scaled_columns, scaler_of
from skinfluence.labels._sources.members import (
    N_TREES,
    RIDGE_STEPS,
    Rows,
    fit_forest,
    fit_ridge,
    pipeline_steps,
    scaled_rows,
)
from skinfluence.labels._sources.pooling import (
    log_probabilities,
    shares_of_near_best,
    stacking_weights,
)
from skinfluence.labels._sources.prediction import OutOfSamplePrediction

REPRESENTATIONS = ("auto", "linear", "rbf")
#: Dampings that "auto" tries, in units of the mean variance of the columns' directions.
DAMPINGS = np.geomspace(1e-4, 10.0, 11)
#: The choice is made on so many rows at the most, and at least.
ROWS_FOR_CHOICE, LEAST_ROWS = 2000, 500
#: Landmarks: more while they gain so many nats a row, at most one to so many rows.
LANDMARKS, GAIN, ROWS_PER_LANDMARK = (300, 1000, 2000, 4000), 0.003, 3
#: Multiplications a second, nodes of trees a second, and fits of a noise model: what landmarks and
#: the 5 times 100 trees of a cross-validated forest are estimated to cost. Only the ratio matters.
MULTIPLY, SPLIT, ROUNDS = 1e11, 5e7, 4


@dataclass(eq=False)
class PooledPredictor:
    """Leave-one-out predictions of the library's own representations.

    Ridge regressions on the one-hot labels (or the values of a regression): one eigendecomposition
    a representation gives the values without each row for every damping, of which the likeliest is
    taken. The leaf means of a forest are one member more. For classes all are added with weights
    that make the given labels likely; the values of a regression are averaged where they are nearly
    as good as the best. The first fit chooses the representations, and whether there is a forest;
    others follow with their own dampings. `best` is the best ridge regression of the last fit.
    """

    X: InitVar[Any]  # numbers, all finite; sparse or not
    target: Target
    _: KW_ONLY
    encoder: Any = None  # fitted, from the rows as the user gave them to X; None: X are these
    columns: str = ""  # sentences for the description
    representation: str = "auto"
    #: Landmarks, and directions of a linear representation with many more columns.
    n_components: Any = "auto"
    damping: Any = "auto"  # in units of the mean variance of the directions; the forest has none
    random_state: Any = None
    n_jobs: int | None = None
    verbose: int | None = 0

    def __post_init__(self, X):
        X = sparse.csr_matrix(X) if sparse.issparse(X) else X
        self._dampings = DAMPINGS if self.damping == "auto" else np.array([float(self.damping)])
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        random_state = np.random.RandomState(seed)
        self._scaler = scaler_of(X, self.encoder)
        self._seen = columns_for_trees(self.encoder, X.shape[1])
        self._scaled = scaled_columns(self._scaler, X)
        self._forest_seed, self._linear_seed = random_state.randint(2**31 - 1, size=2)
        n = X.shape[0]
        self._order = random_state.permutation(n)  # of which the first are landmarks
        # fewer where there are many classes, whose probabilities all have to be made
        most = max(LEAST_ROWS, 10 * ROWS_FOR_CHOICE // max(10, self.target.n_classes or 1))
        self._for_choice = np.sort(random_state.permutation(n)[:most])
        self._kinds, self._with_forest = None, self.representation == "auto"

    def with_target(self, target):
        """The source of the same rows with other labels (or values)."""
        other = copy(self)
        other.target = target
        return other

    def model(self, weight):
        """(unfitted pipeline of the best representation, damping beyond its penalty)."""
        fitted = self.encoder, self._scaler, self.best
        return make_pipeline(*pipeline_steps(*fitted, self.target.n_classes, weight.sum())), 0.0

    def fit(self, weight):
        """Pooled leave-one-out predictions at these row weights."""
        rows = Rows(self._scaled, self.target, weight / weight.sum(), self._for_choice)
        total = N_TREES * self._with_forest + RIDGE_STEPS * len(self._kinds or LANDMARKS)
        settings = {"what": "models of the labels", "unit": "steps", "verbose": self.verbose}
        with progress_bar(total=total, **settings) as tell:
            return self._fit(rows, tell)

    def _fit(self, rows, tell):
        if self._kinds is None:
            ridges = self._choose(rows, tell)
            self._kinds = [member.representation for member in ridges]
        else:
            ridges = [fit_ridge(kind, rows, self._dampings, tell) for kind in self._kinds]
        self.best = max(ridges, key=lambda member: member.criterion)
        members = list(ridges)
        if self._with_forest:
            members.append(fit_forest(rows, self._seen, self._forest_seed, self.n_jobs, tell))
        values, leverages = zip(*[member.leave_one_out(rows) for member in members], strict=True)
        values, some = np.stack(values), self._for_choice
        if self.target.classes is None:
            weights = shares_of_near_best(rows.criterion(values[:, some]))
        else:
            codes, share = self.target.codes[some], rows.share[some]
            weights, _ = stacking_weights(values[:, some], codes, share)
        pooled = np.tensordot(weights, values, 1)
        if self._with_forest:  # which takes most of the time: none again if it has no weight
            self._with_forest = bool(weights[-1] > 0)
        # where nothing is known, all weights are zero: one member stays
        used = [place for place, w in enumerate(weights) if w > 0] or [0]
        names = [members[place].name for place in used if weights[place] > 0]
        model = [members[place] for place in used], weights[used], self.encoder, self._scaler
        return OutOfSamplePrediction(
            value=predicted(pooled, self.target.classes),
            predict=partial(predict_pooled, *model, self.target.classes),
            leverage=leverages[ridges.index(self.best)],
            description=f"Without the row: {'; '.join(names)}.{self.columns}",
            damping=self.best.damping,
        )

    def _choose(self, rows, tell):
        """Members on the representations that are wanted, in the best size."""
        first, *larger = LANDMARKS if isinstance(self.n_components, str) else [self.n_components]
        members = []

        def fit(kind):
            return fit_ridge(kind, rows, self._dampings, tell)

        if self.representation != "rbf":
            random_state = np.random.RandomState(self._linear_seed)
            members.append(fit(linear(self._scaled, first, random_state)))
        if self.representation != "linear":
            member = fit(radial_basis(self._scaled, self._order, first))
            for size in filter(self._affordable, larger):
                more = fit(radial_basis(self._scaled, self._order, size))
                gain = more.criterion - member.criterion
                member = more if gain > 0 else member
                if gain < GAIN:
                    break
            members.append(member)
        return members

    def _affordable(self, size):
        """Whether so many landmarks take less time than a cross-validated forest."""
        n, p = self._scaled.shape
        ridge = ROUNDS * (4 * n * size**2 + 15 * size**3) / MULTIPLY
        forest = 5 * 100 * 0.8 * n * np.log2(n) * np.sqrt(p) / SPLIT
        return ROWS_PER_LANDMARK * size <= n and ridge < forest


def predict_pooled(members, weights, encoder, scaler, classes, X):
    """Predictions of members for rows that they have not seen."""
    rows = scaled_rows(X, encoder, scaler)
    values = sum(w * member.predict(rows) for member, w in zip(members, weights, strict=True))
    return predicted(values, classes)


def predicted(values, classes):
    """Log-probabilities (m, K) of pooled scores, or values (m,) of a regression."""
    return values[:, 0] if classes is None else log_probabilities(values)
