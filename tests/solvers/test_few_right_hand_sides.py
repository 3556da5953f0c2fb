"""Few questions of first order are iterated, many factorised; the same call has the same answer."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from skinfluence import InfluenceExplainer
from skinfluence.solvers import AutoSolver, CGSolver, CholeskySolver, _auto
from skinfluence.solvers._costs import Cost
from tests.solvers import _zoo as zoo

rng = np.random.default_rng(0)
X, y = rng.standard_normal((1500, 150)), rng.integers(10, size=1500)
X_test, y_test = rng.standard_normal((3, 150)), np.array([0, 4, 9])
X_many, y_many = rng.standard_normal((600, 150)), rng.integers(10, size=600)
estimator = LogisticRegression(C=0.02).fit(X, y)


def explained(solver="auto", rows=slice(None), columns=slice(None)):
    part = X[rows, columns], y[rows]
    model = estimator if part[0].shape == X.shape else clone(estimator).fit(*part)
    return InfluenceExplainer(FrozenEstimator(model), solver=solver).fit(*part)


def few(explainer):
    return explainer.influence(X_test, y_test, method="first_order")


def assert_same(found, expected):
    assert np.abs(found - expected).max() < 1e-8 * np.abs(expected).max()


@pytest.fixture
def no_factorisation(monkeypatch):
    """Call it: from then on a Cholesky factorisation is an error."""

    def refuse(self, hessian):
        raise AssertionError("factorised")

    return lambda: monkeypatch.setattr(CholeskySolver, "factorize", refuse)


def test_few_test_rows_of_first_order_are_iterated(no_factorisation):
    explainer = explained()
    expected = few(explained("cholesky"))
    no_factorisation()
    assert_same(few(explainer), expected)


@pytest.mark.parametrize("ask", ["top_influences", "explain"])
def test_every_question_of_first_order_counts_its_test_rows(no_factorisation, ask):
    explainer = explained()
    no_factorisation()
    getattr(explainer, ask)(X_test, y_test, method="first_order")


@pytest.mark.parametrize(
    "ask",
    [
        lambda e: e.influence(X_test, y_test),
        lambda e: e.resolve_method(),
        lambda e: e.leverage(),
        lambda e: e.health(),
        lambda e: e.influence(X_many, y_many, method="first_order"),
    ],
    ids=["auto", "resolve_method", "leverage", "health", "many rows"],
)
def test_whatever_else_is_asked_is_factorised(no_factorisation, ask):
    explainer = explained()
    no_factorisation()
    with pytest.raises(AssertionError, match="factorised"):
        ask(explainer)


def test_the_same_call_has_the_same_answer_after_a_factorisation():
    explainer = explained()
    before = few(explainer)
    explainer.leverage()
    assert_same(few(explainer), before)


def test_method_auto_answers_alike_whatever_was_asked_before():
    fresh, asked = explained(), explained()
    few(asked)
    assert asked.resolve_method() == fresh.resolve_method() == "newton_step"
    assert_array_equal(asked.influence(X_test, y_test), fresh.influence(X_test, y_test))
    assert str(asked.health()) == str(fresh.health())


def test_many_small_questions_end_with_the_factorisation():
    explainer = explained()
    questions = 0
    while explainer.linearization_._main.made is None:
        few(explainer)
        questions += 1
    assert 1 < questions < 40
    assert explainer.linearization_.inverse_for("first_order", 1).factorized


def test_an_explainer_is_pickled_between_questions():
    explainer = explained()
    before = few(explainer)
    assert_same(few(pickle.loads(pickle.dumps(explainer))), before)


def hessian(alpha=1.0, n=4000, q=1500):
    curvature = np.full((n, 1), 0.2)
    return zoo._hessian(
        np.random.default_rng(0).standard_normal((n, q)), alpha=alpha, curvature=curvature
    )


def test_what_does_not_converge_in_the_time_of_a_factorisation_is_factorised(monkeypatch):
    monkeypatch.setattr(_auto, "LEAST_PRODUCTS", 1)
    matrix = hessian(n=1200, q=600, alpha=1e-6)  # thousands of products
    auto = AutoSolver(n_right_hand_sides=1)
    choice = auto.choose_inverse(matrix, lambda: auto.factorize(matrix))
    monkeypatch.setattr(_auto.Sizes, "cg", lambda self: Cost(1e-9, 1.0))
    inverse = choice(1)
    assert not inverse.factorized
    V = np.cos(np.arange(matrix.shape[0]))[:, None]
    expected = CholeskySolver().factorize(matrix).solve(V)
    assert_allclose(inverse.solve(V), expected, atol=1e-12 * np.abs(expected).max())
    assert choice(1).factorized


def test_where_other_questions_are_iterated_many_right_hand_sides_are_factorised(monkeypatch):
    monkeypatch.setattr(_auto, "LONG", 0.0)
    monkeypatch.setattr(_auto, "CHEAPER", 0.0)
    matrix = zoo.well_posed()
    auto = AutoSolver()
    main = auto.factorize(matrix)
    assert not main.factorized
    assert auto.choose_inverse(matrix, lambda: main)(10**7).factorized


SMALL = {"rows": slice(300), "columns": slice(30)}
QUESTIONS_OF_ALL_ROWS = {
    "self_influence": lambda e: e.self_influence(),
    "Newton step": lambda e: e.influence(X_test[:, :30], y_test, method="newton_step"),
}


@pytest.mark.parametrize("name", QUESTIONS_OF_ALL_ROWS)
def test_questions_with_a_right_hand_side_a_row_are_factorised_whatever_others_take(
    name, monkeypatch
):
    ask = QUESTIONS_OF_ALL_ROWS[name]
    expected = ask(explained("cg" if name == "self_influence" else "cholesky", **SMALL))
    monkeypatch.setattr(_auto, "LONG", 0.0)
    monkeypatch.setattr(_auto, "CHEAPER", 0.0)
    explainer = explained(**SMALL)
    assert explainer.resolve_method() == "first_order"
    assert_same(ask(explainer), expected)
    assert explainer.linearization_.inverse_for("first_order", 1).factorized
    assert explainer.resolve_method() == "first_order"


def test_beyond_the_memory_questions_share_the_iteration():
    matrix = hessian(n=3000, q=2400)
    auto = AutoSolver()
    with config_context(working_memory=1):
        main = auto.factorize(matrix)
        assert auto.choose_inverse(matrix, lambda: main)(10**7) is main


@pytest.mark.parametrize("solver", [CGSolver(), CholeskySolver()], ids=lambda s: s.name)
def test_a_solver_that_was_asked_for_answers_everything(solver):
    explainer = explained(solver)
    main = explainer.linearization_.inverse_for("first_order", 1)
    assert main is explainer.linearization_.inverse


def test_without_preference_the_cheaper_is_taken_and_told():
    matrix = hessian()
    prefer = AutoSolver(n_right_hand_sides=1)
    cheapest = AutoSolver(n_right_hand_sides=1, prefer_factorized=False)
    solver, reason = cheapest.select_solver(matrix)
    assert isinstance(prefer.select_solver(matrix)[0], CholeskySolver)
    assert isinstance(solver, CGSolver)
    assert reason.startswith("1 right-hand side by conjugate gradients is estimated to be ")
    assert "times cheaper than a factorisation of 1501 parameters" in reason


@pytest.mark.parametrize("value", [None, 1, "yes"], ids=repr)
def test_the_preference_is_true_or_false(value):
    with pytest.raises(ValueError, match=r"prefer_factorized=.*Expected True or False"):
        AutoSolver(prefer_factorized=value)
