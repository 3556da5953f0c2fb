"""Koh & Liang (2017) on MNIST: Figure 1 (1-vs-7), Figure 3 (hinge) and Figure 2 (ten classes).

Predicted changes of a test row's loss are compared with real refits without each of the most
influential training rows, by Pearson's R (as in the paper) and by Lin's concordance, which also
asks for a slope of one. Reference numbers: the same problems solved to their optimum elsewhere,
on pixels of single precision, which bounds the agreement.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from skinfluence import InfluenceExplainer
from skinfluence.explainer import lins_concordance

WEIGHT_DECAY = 0.01
N_ROWS = 100


def strength(n_rows):
    """C of the objective  mean loss + WEIGHT_DECAY / 2 * ||w||^2."""
    return 1 / (n_rows * WEIGHT_DECAY)


def pearson(predicted, actual):
    return np.corrcoef(predicted, actual)[0, 1]


def most_influential(influence):
    return np.argsort(-np.abs(influence), kind="stable")[:N_ROWS]


def double(data):
    X, y, X_test, y_test = data
    return X.astype(float), y, X_test.astype(float), y_test


@pytest.fixture(scope="module")
def ones_and_sevens(shared_data):
    return double(shared_data.mnist_binary())


class TestLogisticOneVersusSeven:
    @pytest.fixture(scope="class")
    @classmethod
    def explainer(cls, ones_and_sevens):
        X, y, _, _ = ones_and_sevens
        model = LogisticRegression(C=strength(len(y)), fit_intercept=False)
        return InfluenceExplainer(model, penalty_scaling="mean").fit(X, y)

    @pytest.fixture(scope="class")
    @classmethod
    def reference(cls, shared_data):
        return shared_data.koh_liang_reference()["fig1_mnist_1v7"]

    def test_optimum(self, explainer, reference, ones_and_sevens):
        _, _, X_test, y_test = ones_and_sevens
        objective = explainer.objective_
        assert objective.n_rows == reference["n_train"]
        assert_allclose(objective.row_values().mean(), reference["train_logloss"], rtol=1e-7)
        assert_allclose(np.linalg.norm(objective.coef), reference["w_norm"], rtol=1e-7)
        accuracy = np.mean((X_test @ objective.coef[0] > 0) == y_test)
        assert_allclose(accuracy, reference["test_acc"], rtol=1e-12)

    def test_influences_on_the_seven_of_figure_1(self, explainer, reference, ones_and_sevens):
        _, y, X_test, y_test = ones_and_sevens
        influence = explainer.influence(X_test[[30]], y_test[[30]], method="first_order")[0]
        expected = reference["influence_times_n"]
        scaled = influence * len(y)
        assert_allclose(scaled.min(), expected["min"], rtol=1e-7)
        assert_allclose(scaled.max(), expected["max"], rtol=1e-7)
        assert scaled.argmin() == expected["argmin"]
        assert scaled.argmax() == expected["argmax"]

    def test_predicted_changes_agree_with_refits(self, explainer, ones_and_sevens):
        """R 0.9999 / concordance 0.9994 for first order, 1.0000 / 1.0000 for the Newton step."""
        _, _, X_test, y_test = ones_and_sevens
        wrong = np.flatnonzero((X_test @ explainer.objective_.coef[0] > 0) != y_test)[0]
        test = X_test[[wrong]], y_test[[wrong]]
        first_order = explainer.influence(*test, method="first_order")[0]
        rows = most_influential(first_order)
        refitted = explainer.influence(*test, method="refit", rows=rows)[0]
        newton = explainer.influence(*test, method="newton_step", rows=rows)[0]
        measured = {
            "first order": (pearson(first_order[rows], refitted), 0.999),
            "first order, concordance": (lins_concordance(first_order[rows], refitted), 0.999),
            "Newton step": (pearson(newton, refitted), 0.99999),
            "Newton step, concordance": (lins_concordance(newton, refitted), 0.99999),
        }
        assert all(value >= least for value, least in measured.values()), measured


@pytest.mark.slow
class TestHingeOneVersusSeven:
    """A hinge machine, explained at its own weights through the smooth hinge, against LinearSVC.

    Koh & Liang report R = 0.95 at t = 0.001 and 0.91 at t = 0.1 for one random wrongly classified
    digit. Over the 16 that this machine gets wrong we measure 0.965 to 0.993 (median 0.983) and
    0.81 to 0.94 (median 0.90): the digit decides on which side of 0.91 a run falls. The first
    four, in the order of the test set, stand for all; their mean is compared.
    """

    N_DIGITS = 4

    @staticmethod
    def machine(n_rows):
        return LinearSVC(
            loss="hinge",
            fit_intercept=False,
            C=strength(n_rows),
            tol=1e-7,
            max_iter=100_000,
            random_state=0,
        )

    @pytest.fixture(scope="class")
    @classmethod
    def digits(cls, ones_and_sevens):
        """(test rows, their labels, hinge losses as a function of the weights, the weights)."""
        X, y, X_test, y_test = ones_and_sevens
        coef = cls.machine(len(y)).fit(X, y).coef_[0]
        wrong = np.flatnonzero((X_test @ coef > 0) != y_test)[: cls.N_DIGITS]
        signed = np.where(y_test[wrong] == 1, 1.0, -1.0)[:, None] * X_test[wrong]
        return X_test[wrong], y_test[wrong], lambda w: np.maximum(0.0, 1.0 - signed @ w), coef

    @pytest.fixture(scope="class")
    @classmethod
    def hinge_change(cls, ones_and_sevens, digits):
        """Change of the digits' hinge losses when LinearSVC is fitted without a training row."""
        X, y, _, _ = ones_and_sevens
        X = sparse.csr_array(X)  # four pixels of five are black
        losses, coef = digits[2:]
        known = {}

        def change(row):
            if row not in known:
                others = (np.arange(len(y)) != row).astype(float)
                model = cls.machine(len(y) - 1).fit(X, y, sample_weight=others)
                known[row] = losses(model.coef_[0]) - losses(coef)
            return known[row]

        return change

    @pytest.mark.parametrize(
        ("temperature", "in_the_paper", "least"), [(0.001, 0.95, 0.97), (0.1, 0.91, 0.88)]
    )
    def test_smooth_influence_predicts_hinge_refits(
        self, ones_and_sevens, digits, hinge_change, temperature, in_the_paper, least
    ):
        X, y, _, _ = ones_and_sevens
        explainer = InfluenceExplainer(
            self.machine(len(y)), penalty_scaling="mean", polish=False, temperature=temperature
        )
        with pytest.warns(ConvergenceWarning, match="away from an optimum"):
            explainer.fit(X, y)
        influence = explainer.influence(*digits[:2], method="first_order")
        measured = []
        for digit, predicted in enumerate(influence):
            rows = most_influential(predicted)
            actual = [hinge_change(row)[digit] for row in rows]
            measured.append(pearson(predicted[rows], actual))
        assert min(measured) >= least, measured
        assert np.mean(measured) >= in_the_paper, measured


@pytest.mark.slow
class TestTenClasses:
    """Figure 2: 55,000 digits, 7,840 parameters, and test row 8, a five that is read as a six.

    About two minutes on two quiet cores, most of it in two Hessians of 7,840 x 7,840, and 1.8 GB.
    """

    @pytest.fixture(scope="class")
    @classmethod
    def answers(cls, shared_data):
        """(explainer, test data, influences by method on the most influential rows)."""
        X, y, X_test, y_test = double(shared_data.mnist(paper=True))
        # stops early: the explainer moves to the optimum by Newton steps that it needs anyhow
        model = LogisticRegression(C=strength(len(y)), fit_intercept=False, tol=1e-4)
        explainer = InfluenceExplainer(model, penalty_scaling="mean").fit(X, y)
        test = X_test[[8]], y_test[[8]]
        first_order = explainer.influence(*test, method="first_order")[0]
        rows = most_influential(first_order)
        changes = {"first_order": first_order[rows]}
        for method in ("newton_step", "refit"):
            changes[method] = explainer.influence(*test, method=method, rows=rows)[0]
        return explainer, X_test, y_test, changes

    def test_optimum(self, answers, shared_data):
        explainer, X_test, y_test, _ = answers
        reference = shared_data.koh_liang_reference()["fig2_mnist_10class"]
        objective = explainer.objective_
        mean = objective.value() / objective.n_rows
        assert_allclose(mean, reference["objective"], rtol=1e-7)
        raw = X_test @ objective.coef.T
        losses = np.log(np.exp(raw).sum(axis=1)) - raw[np.arange(len(raw)), y_test]
        assert_allclose(losses.mean(), reference["test_logloss"], rtol=1e-6)
        assert_allclose(losses[8], reference["test8"]["loss"], rtol=1e-6)
        assert raw[8].argmax() == reference["test8"]["pred"] != y_test[8]
        assert_allclose((raw.argmax(axis=1) == y_test).mean(), reference["test_acc"], rtol=1e-12)

    def test_predicted_changes_agree_with_refits(self, answers):
        changes = answers[3]
        actual = changes["refit"]
        measured = {
            (method, measure.__name__): measure(changes[method], actual)
            for method in ("first_order", "newton_step")
            for measure in (pearson, lins_concordance)
        }
        assert all(value >= 0.99 for value in measured.values()), measured
        closer = measured["newton_step", "lins_concordance"]
        assert closer > measured["first_order", "lins_concordance"], measured
