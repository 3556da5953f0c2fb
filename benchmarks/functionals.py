"""Influence on scores, gaps, t values: agreement with refits, and the fewest rows of conclusions.

Run alone: ``python -m benchmarks functionals``; needs the larger data sets (see _real_data.py).
pyinfluence is compared where it is installed.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from benchmarks._real_data import loaders
from benchmarks._tables import Table
from skinfluence import InfluenceExplainer
from skinfluence.datasets import load_hospital_readmission
from skinfluence.explainer import lins_concordance
from skinfluence.functionals import (
    Coefficient,
    TValue,
    functional_value,
    influence_on,
    smallest_set,
)
from skinfluence.targets import DemographicParityGap, EqualOpportunityGap, WorstGroupLoss

#: Skipped without the larger data sets (see _real_data.py).
NEEDS_DATA = True

N_GROUPS, SHARE = 100, 0.05

INTRODUCTION = (
    "The effect of removing each training row, and each of 100 random groups of 5 % of them, on "
    "one number of the model: predicted, and by refits (method 'refit', which the tests compare "
    "with scikit-learn's own fits). Lin's concordance of predicted with refitted effects is 1 "
    "only where they are equal. Logistic regressions (C=1) of three tables; the groups of people "
    "are the sexes, and gaps are those of mean probabilities, which pyinfluence computes too. t "
    "values of all coefficients of two least-squares fits. Then the fewest rows without which a "
    "coefficient changes its sign, or its t value crosses 1.96: by sums of influences, as "
    "zaminfluence has them (Broderick, Giordano & Meager 2020), and by smallest_set. One "
    "regression is that of Harrison & Rubinfeld (1978), log of the corrected house values of "
    "Boston; those of Broderick et al. are not among the data."
)


@dataclass
class _Case:
    """A table of two classes; sex of the test rows."""

    name: str
    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    sex: np.ndarray


def run(quick=False):
    """Tables."""
    cases = [_diabetes(), _hospital(400 if quick else 1000), _adult(400 if quick else 1000)]
    if quick:
        cases = cases[:1]
    agreement = [row for case in cases for row in _agreements(case)]
    columns = ["table", "number", "value", "way", "single rows", "groups of 5 %"]
    notes = ["For groups, first order and pyinfluence are sums over the rows."]
    title = "Concordance of predicted with refitted effects"
    regressions = _regressions()[:1] if quick else _regressions()
    return [
        Table(title, columns, agreement, notes),
        _t_values(regressions),
        _conclusions(regressions),
    ]


def _diabetes():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    fast, sex = (y > y.median()).to_numpy(), (X["sex"] > 0).to_numpy()
    Z = StandardScaler().fit_transform(X)
    return _Case("diabetes, 242 rows", Z[:242], fast[:242], Z[242:], fast[242:], sex[242:])


def _hospital(n):
    data = load_hospital_readmission(as_frame=True)
    some = np.random.default_rng(0).permutation(len(data.data))[:n]
    sex = data.data_test["gender_Female"].to_numpy() > 0
    scaler = StandardScaler().fit(data.data.iloc[some])
    X, X_test = scaler.transform(data.data.iloc[some]), scaler.transform(data.data_test)
    y, y_test = np.asarray(data.target)[some], np.asarray(data.target_test)
    return _Case(f"hospital, {n:,} rows", X, y, X_test, y_test, sex)


def _adult(n):
    table = loaders().adult().sample(n + 1000, random_state=0)
    y = (table["income"] == ">50K").to_numpy()
    X = table.drop(columns=["income", "split"])
    numbers = list(X.select_dtypes("number"))
    words = [column for column in X if column not in numbers]
    rare = OneHotEncoder(
        min_frequency=30, handle_unknown="ignore", sparse_output=False, drop="first"
    )
    made = make_column_transformer((StandardScaler(), numbers), (rare, words))
    Z, sex = made.fit_transform(X), (X["sex"] == "Male").to_numpy()
    return _Case(f"Adult, {n:,} rows", Z[:n], y[:n], Z[n:], y[n:], sex[n:])


def _agreements(case):
    """Lines of the first table."""
    model = LogisticRegression(solver="newton-cholesky", tol=1e-10, max_iter=500)
    explainer = InfluenceExplainer(model).fit(case.X, case.y)
    groups = _groups(len(case.y))
    test = case.X_test, case.y_test
    numbers = {
        "AUROC": ("roc_auc", test),
        "average precision": ("average_precision", test),
        "log loss": ("loss", test),
        "equal opportunity gap": (_gap(EqualOpportunityGap, case), test),
        "demographic parity gap": (_gap(DemographicParityGap, case), test[:1]),
        "worst-group loss": (WorstGroupLoss(case.sex), test),
    }
    theirs = _pyinfluence(explainer, case)
    for name, (functional, rows) in numbers.items():
        value = functional_value(explainer, functional, *rows)
        print(f"  {case.name}: {name} {value:.4f}", flush=True)
        truth = influence_on(explainer, functional, *rows, method="refit")
        joint = influence_on(explainer, functional, *rows, method="refit", groups=groups)
        found = {}
        for method in ("newton_step", "first_order"):
            one = influence_on(explainer, functional, *rows, method=method)
            many = influence_on(explainer, functional, *rows, method=method, groups=groups)
            found[f"skinfluence, {method!r}"] = one, many
        if name in theirs:
            one = theirs[name]
            found["pyinfluence"] = one, np.array([one[rows].sum() for rows in groups])
        for way, (one, many) in found.items():
            cells = [_number(lins_concordance(one, truth)), _number(lins_concordance(many, joint))]
            yield [case.name, name, f"{value:.4f}", way, *cells]


def _gap(kind, case):
    return kind(case.sex, between=(True, False), temperature=1.0)


def _groups(n):
    generator = np.random.default_rng(1)
    size = round(SHARE * n)
    return [generator.choice(n, size, replace=False) for _ in range(N_GROUPS)]


def _pyinfluence(explainer, case):
    """Effects of each row by number; empty where the package is missing."""
    try:
        from pyinfluence import FunctionalInfluence
        from pyinfluence.fairness import disparity
        from pyinfluence.functionals import auroc, mean
    except ImportError:
        print("  pyinfluence is not installed: skipped", flush=True)
        return {}
    model = explainer.estimator_
    fitted = FunctionalInfluence(damping=0.0).fit(model, case.X, case.y)
    asked = {
        "AUROC": auroc(model.classes_[1]),
        "log loss": mean("losses"),
        "equal opportunity gap": disparity("eopp", case.sex, target_of=model),
        "demographic parity gap": disparity("dp", case.sex),
        "worst-group loss": disparity("worst_group_loss", case.sex),
    }
    return {
        name: fitted.explain(case.X_test, case.y_test, functional=functional)
        for name, functional in asked.items()
    }


def _regressions():
    """(name, explainer) of each least-squares fit."""
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    made = [("diabetes", X, y)]
    houses = loaders().boston_corrected()
    plain = ["CRIM", "ZN", "INDUS", "CHAS", "AGE", "TAX", "PTRATIO", "B"]
    Z = houses[plain].assign(
        NOX2=houses["NOX"] ** 2,
        RM2=houses["RM"] ** 2,
        log_DIS=np.log(houses["DIS"]),
        log_RAD=np.log(houses["RAD"]),
        log_LSTAT=np.log(houses["LSTAT"]),
    )
    made.append(("Harrison & Rubinfeld (1978)", Z.astype(float), np.log(houses["CMEDV"])))
    return [
        (f"{name}, {len(y)} x {X.shape[1]}", InfluenceExplainer(LinearRegression()).fit(X, y))
        for name, X, y in made
    ]


def _t_values(regressions):
    rows = []
    for name, explainer in regressions:
        n = explainer.objective_.n_rows
        groups = _groups(n)
        for method in ("newton_step", "first_order"):
            one, many = [], []
            for column in explainer.feature_names_in_:
                truth = influence_on(explainer, TValue(column), method="refit")
                joint = influence_on(explainer, TValue(column), method="refit", groups=groups)
                got = influence_on(explainer, TValue(column), method=method)
                one.append(lins_concordance(got, truth))
                got = influence_on(explainer, TValue(column), method=method, groups=groups)
                many.append(lins_concordance(got, joint))
            cells = [_number(min(one)), _number(min(many))]
            rows.append([name, f"skinfluence, {method!r}", *cells])
    columns = ["regression", "way", "single rows", "groups of 5 %"]
    return Table("t values: least concordance of all coefficients", columns, rows)


def _conclusions(regressions):
    """The fewest rows of each sign, and of each t value beyond 1.96."""
    rows = []
    for name, explainer in regressions:
        most = explainer.objective_.n_rows // 4
        found = {"sign of a coefficient": [], "t value beyond 1.96": []}
        for column in explainer.feature_names_in_:
            t = functional_value(explainer, TValue(column))
            found["sign of a coefficient"].append(
                smallest_set(explainer, Coefficient(column), max_rows=most)
            )
            if abs(t) > 1.96:
                bound = smallest_set(explainer, TValue(column), to=np.sign(t) * 1.96, max_rows=most)
                found["t value beyond 1.96"].append(bound)
        for kind, sets in found.items():
            expected = [s for s in sets if s.additive.predicted_size is not None]
            both = [s for s in expected if s.size is not None and s.additive.size is not None]
            smaller = sum(s.size < s.additive.size for s in both)
            cells = [
                str(len(sets)),
                f"{sum(s.additive.confirmed for s in expected)} of {len(expected)}",
                f"{len([s for s in sets if s.size is not None])}",
                *(str(sum(sizes)) for sizes in zip(*map(_sizes, both), strict=True)),
                f"{smaller} of {len(both)}",
            ]
            rows.append([name, kind, *cells])
            for s in sets:
                sizes = s.additive.predicted_size, s.additive.size, s.size
                print(f"  {name}: {s.name} {s.value:.3g} {sizes}", flush=True)
    columns = [
        "regression",
        "conclusion",
        "how many",
        "additive sets that a refit confirms",
        "found by smallest_set",
        "rows: expected by sums",
        "rows: order of influence, by refits",
        "rows: smallest_set",
        "smaller than the order of influence",
    ]
    notes = [
        "Sets of up to a quarter of the rows. The three numbers of rows are sums over the "
        "conclusions for which all three exist: what sums of influences expect to suffice "
        "(zaminfluence's answer), the fewest in that order for which a refit crosses the bound, "
        "and those of smallest_set, which a refit confirms too."
    ]
    return Table("The fewest rows that change a conclusion", columns, rows, notes)


def _sizes(found):
    return found.additive.predicted_size, found.additive.size, found.size


def _number(value):
    return f"{value:.4f}"
