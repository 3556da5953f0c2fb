"""One question is told of once, however many solutions it takes, and at the user's line."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from skinfluence import InfluenceExplainer
from skinfluence.solvers import CGSolver, LissaSolver, NeumannSolver

X, y = load_digits(return_X_y=True)
X, y = X[:200] / 16, y[:200] % 2
many, labels = np.repeat(X[:11], 100, axis=0), np.repeat(y[:11], 100)  # three blocks of test rows

SOLVERS = {
    "cg": CGSolver(max_iter=2, tol=1e-14, preconditioner="jacobi", block_size=8),
    "lissa": LissaSolver(depth=50, repeats=2, tol=1e-9),
    "neumann": NeumannSolver(max_iter=2),
}
QUESTIONS = {
    "influence": (lambda e: e.influence(many, labels), 1100),
    "top_influences": (lambda e: e.top_influences(many, labels), 1100),
    "self_influence": (lambda e: e.self_influence("newton_step"), None),
    "coef_influence": (lambda e: e.coef_influence(method="newton_step"), None),
    "leverage": (lambda e: e.leverage(), 200),
    "health": (lambda e: e.health(), None),
}


@pytest.fixture(params=SOLVERS)
def explainer(request):
    return InfluenceExplainer(LogisticRegression(), solver=SOLVERS[request.param]).fit(X, y)


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_warns_once_of_all_its_solutions_at_the_users_line(explainer, name):
    ask, n_solutions = QUESTIONS[name]
    with pytest.warns(ConvergenceWarning) as caught:
        ask(explainer)
    assert [warning.filename for warning in caught] == [__file__]
    if n_solutions:
        assert f"of {n_solutions} right-hand sides" in str(caught[0].message)


def test_one_failed_block_marks_the_whole_question():
    explainer = InfluenceExplainer(solver=SOLVERS["cg"]).fit(X, y)
    inverse = explainer.linearization_.inverse
    with pytest.warns(ConvergenceWarning, match="1 of 2 right-hand sides"), inverse.session():
        inverse.solve(np.cos(np.arange(inverse.shape[0]))[:, None])
        inverse.solve(np.zeros((inverse.shape[0], 1)))
    assert not inverse.report.converged


def test_a_question_that_fails_is_closed():
    inverse = InfluenceExplainer(solver="cg").fit(X, y).linearization_.inverse
    with pytest.raises(KeyError), inverse.session():
        raise KeyError
    inverse.solve(np.eye(inverse.shape[0])[:, :1])
    assert inverse.report.n_iter > 0
