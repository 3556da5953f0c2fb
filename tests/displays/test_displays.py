"""Each display shows the numbers of the library, on the axes that it is given."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skinfluence import InfluenceExplainer, LabelFlagger, displays
from skinfluence.components import influence_components
from skinfluence.datasets import flip_labels
from skinfluence.functionals import repair_curve
from skinfluence.groups import group_table
from skinfluence.selection import relative_influence
from skinfluence.targets import Mean

plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def tumours():
    """(explainer, one test row that it predicts wrongly, its label), with names of rows."""
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    X.index = y.index = [f"t{i}" for i in range(len(X))]
    model = make_pipeline(StandardScaler(), LogisticRegression(solver="newton-cholesky", tol=1e-9))
    explainer = InfluenceExplainer(model).fit(X[:400], y[:400])
    wrong = explainer.predict(X[400:]) != y[400:]
    return explainer, X[400:][wrong][:1], y[400:][wrong][:1]


@pytest.fixture(scope="module")
def flagger():
    X, y = load_iris(return_X_y=True)
    given, _ = flip_labels(y, 0.1, random_state=0)
    return LabelFlagger(representation="linear").fit(X, given), given, y


def search():
    X, y = load_breast_cancer(return_X_y=True)
    grid = {"damping": [0.1, 0.0, 0.01]}
    return GridSearchCV(InfluenceExplainer(RidgeClassifier()), grid, cv=2).fit(X, y)


def drawn(name, tumours, flagger, **kwargs):
    """A display of each kind."""
    explainer, X, y = tumours
    kind = getattr(displays, name)
    if name == "DampingCurveDisplay":
        return kind.from_cv_results(search().cv_results_, **kwargs)
    if name == "LabelReportDisplay":
        return kind.from_flagger(flagger[0], **kwargs)
    if name == "LabelFixCurveDisplay":
        return kind.from_flagger(*flagger, **kwargs)
    if name == "ComparisonDisplay":
        return kind.from_explainers(explainer, explainer, X, y, **kwargs)
    if name == "AttackDisplay":
        return kind.from_explainer(explainer, X, **kwargs)
    if name == "FunctionalCurveDisplay":
        return kind.from_explainer(explainer, "loss", X, y, n_points=3, **kwargs)
    if name == "UnlikeTrainingDisplay":
        return kind.from_explainer(explainer, X, n_permutations=9, **kwargs)
    if name == "GroupInfluenceDisplay":
        groups = explainer.X_train_["mean radius"].round(-1)
        return kind.from_explainer(explainer, groups, X, y, **kwargs)
    rows = () if name in ("SelfInfluenceDisplay", "InfluencePlotDisplay") else (X, y)
    return kind.from_explainer(explainer, *rows, **kwargs)


def n_panels(display):
    return np.size(display.ax_)


@pytest.mark.parametrize("name", displays.__all__)
def test_conventions_of_scikit_learn(name, tumours, flagger):
    display = drawn(name, tumours, flagger)
    first = display.figure_
    assert display.plot() is display
    assert display.figure_ is not first
    _, axes = plt.subplots(1, n_panels(display), figsize=(4 * n_panels(display), 3))
    display.plot(ax=axes)
    assert_array_equal(np.ravel(display.ax_), np.ravel(axes))
    assert display.figure_ is np.ravel(axes)[0].figure
    display.figure_.canvas.draw()
    for ax in np.ravel(axes):
        assert ax.get_xlabel()
        assert (
            ax.get_ylabel()
            or name in ("TopInfluenceDisplay", "GroupInfluenceDisplay", "AttackDisplay")
            or (n_panels(display) == 3)
        )
    table = display.frame()
    assert len(table) and len(table.columns) > 1


@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
def test_labels_in_a_column_are_labels(tumours):
    explainer, X, y = tumours
    column = explainer.y_train_.to_frame()
    other = clone(explainer).fit(explainer.X_train_, column)
    for name in ("SelfInfluence", "InfluenceDistance", "InfluenceComponents"):
        kind, rows = getattr(displays, f"{name}Display"), () if name == "SelfInfluence" else (X, y)
        drawn, expected = (
            [points.get_offsets() for ax in np.ravel(each.ax_) for points in ax.collections]
            for each in (kind.from_explainer(each, *rows) for each in (other, explainer))
        )
        assert len(expected) > 1
        for got, wanted in zip(drawn, expected, strict=True):
            assert_allclose(got, wanted)
    curves = [
        repair_curve(each, "loss", right, X, y, n_points=3).values["self-influence"]
        for each, right in ((explainer, 1 - explainer.y_train_), (other, 1 - column))
    ]
    assert_allclose(*curves)


@pytest.mark.parametrize("name", displays.__all__)
def test_a_subclass_draws_itself(name, tumours, flagger, monkeypatch):
    subclass = type("Mine", (getattr(displays, name),), {})
    monkeypatch.setattr(displays, name, subclass)
    assert type(drawn(name, tumours, flagger)) is subclass


def test_panels_share_one_place(tumours, flagger):
    _, ax = plt.subplots()
    display = drawn("InfluenceComponentsDisplay", tumours, flagger, ax=ax)
    assert n_panels(display) == 3
    assert display.figure_ is ax.figure
    _, two = plt.subplots(1, 2)
    with pytest.raises(ValueError, match="2 axes; expected 3"):
        display.plot(ax=two)


def test_top_rows_are_those_of_explain(tumours):
    explainer, X, y = tumours
    display = displays.TopInfluenceDisplay.from_explainer(explainer, X, y, k=3)
    influence = explainer.influence(X, y)[0]
    order = np.argsort(-influence)
    best = [*order[:3], *order[::-1][:3]]
    assert_allclose(display.influence, influence[best])
    assert display.row_names.tolist() == [f"t{i}" for i in best]
    bars = [bar.get_width() for container in display.ax_.containers for bar in container]
    assert_allclose(bars, influence[best])
    name, column = next(iter(display.features.items()))
    assert_allclose(column, explainer.X_train_[name].iloc[best])
    assert display.row_names[0] in display.ax_.get_yticklabels()[0].get_text()


def test_rows_as_images():
    X, y = load_digits(return_X_y=True)
    explainer = InfluenceExplainer(RidgeClassifier()).fit(X[:300], y[:300])
    display = displays.TopInfluenceDisplay.from_explainer(
        explainer, X[300:301], y[300:301], k=2, image_shape=(8, 8)
    )
    assert_array_equal(display.images[0].ravel(), X[display.row_names[0]])
    assert_array_equal(display.test_image.ravel(), X[300])


def test_an_attacked_row_as_an_image():
    X, y = load_digits(n_class=2, return_X_y=True)
    explainer = InfluenceExplainer(LogisticRegression()).fit(X[:200], y[:200])
    display = displays.AttackDisplay.from_explainer(explainer, X[200:201], image_shape=(8, 8))
    shown = [panel.get_images()[0].get_array() for panel in display.ax_]
    assert_array_equal(shown[0].ravel(), X[display.result.rows[0]])
    assert_allclose(shown[1], shown[0] + shown[2])
    assert np.abs(shown[2]).max() > 0


def test_fidelity_is_that_of_refits(tumours):
    explainer, X, y = tumours
    display = displays.RemovalFidelityDisplay.from_explainer(explainer, X, y, n_rows=6)
    rows = explainer.training_rows_.positions(list(display.row_names))
    assert_allclose(display.predicted, explainer.influence(X, y, rows=rows)[0])
    assert_allclose(display.refitted, explainer.influence(X, y, rows=rows, method="refit")[0])
    largest = np.argsort(-np.abs(explainer.influence(X, y)[0]))[:6]
    assert set(rows) == set(largest)
    assert_allclose(display.correlation, np.corrcoef(display.predicted, display.refitted)[0, 1])
    points = display.ax_.collections[0].get_offsets()
    assert_allclose(points, np.column_stack([display.refitted, display.predicted]))
    some = displays.RemovalFidelityDisplay.from_explainer(explainer, X, y, rows=["t3", "t7"])
    assert some.row_names.tolist() == ["t3", "t7"]


def test_the_influence_plot_shows_the_diagnostics():
    X, y = load_diabetes(return_X_y=True)
    explainer = InfluenceExplainer(Ridge(0.1)).fit(X, y)
    display = displays.InfluencePlotDisplay.from_explainer(explainer)
    table = explainer.diagnostics()
    points = display.ax_.collections[0].get_offsets()
    assert_allclose(points, table[["leverage", "studentized_residual"]])
    areas, cook = display.ax_.collections[0].get_sizes(), table["cooks_distance"].to_numpy()
    assert areas.argmax() == cook.argmax()
    named = {text.get_text() for text in display.ax_.texts}
    assert str(cook.argmax()) in named


def test_no_influence_plot_without_studentised_residuals():
    X, y = load_iris(return_X_y=True)
    explainer = InfluenceExplainer(LogisticRegression(max_iter=1000)).fit(X, y)
    with pytest.raises(ValueError, match="SelfInfluenceDisplay"):
        displays.InfluencePlotDisplay.from_explainer(explainer)


def test_distances(tumours):
    explainer, X, y = tumours
    show = displays.InfluenceDistanceDisplay.from_explainer
    scale = explainer.estimator_[0].transform
    away = scale(explainer.X_train_) - scale(X)
    display = show(explainer, X, y)
    assert_allclose(display.distance, np.linalg.norm(away, axis=1))
    assert_allclose(display.influence, explainer.influence(X, y)[0])
    display = show(explainer, X, y, kind="decision_value")
    assert_allclose(display.distance, explainer.decision_function(explainer.X_train_), rtol=1e-6)
    own = show(explainer, explainer.X_train_[:1], explainer.y_train_[:1])
    assert own.distance[0] == 0.0
    X3, y3 = load_iris(return_X_y=True)
    three = InfluenceExplainer(LogisticRegression(max_iter=1000)).fit(X3, y3)
    with pytest.raises(ValueError, match='kind="test_row"'):
        show(three, X3[:1], y3[:1], kind="decision_value")


def test_arrays_are_those_of_the_functions(tumours):
    explainer, X, y = tumours
    shown = displays.InfluenceComponentsDisplay.from_explainer(explainer, X, y)
    parts = influence_components(explainer, X, y)
    assert_array_equal(shown.parts.without_hessian, parts.without_hessian)
    assert_array_equal(shown.same_label, explainer.y_train_ == y.iloc[0])
    shown = displays.RelativeInfluenceDisplay.from_explainer(explainer, X, y, kind="loss")
    assert_array_equal(
        shown.relative_influence, relative_influence(explainer, X, y, kind="loss")[0]
    )
    shown = displays.SelfInfluenceDisplay.from_explainer(explainer)
    assert_array_equal(shown.self_influence, explainer.self_influence())
    assert_array_equal(shown.loss, explainer.diagnostics(dfbetas=False)["loss"])
    groups = explainer.X_train_["mean radius"].round(-1)
    shown = displays.GroupInfluenceDisplay.from_explainer(explainer, groups, X, y)
    table = group_table(explainer, groups, X, y)
    assert_array_equal(shown.influence, table["influence"])
    assert shown.n_rows.sum() == 400


def test_two_models(tumours):
    explainer, X, y = tumours
    other = make_pipeline(StandardScaler(), RidgeClassifier())
    other = InfluenceExplainer(other).fit(explainer.X_train_, explainer.y_train_)
    display = displays.ComparisonDisplay.from_explainers(explainer, other, X, y)
    assert display.names == ("LogisticRegression", "RidgeClassifier")
    assert_array_equal(display.second, other.influence(X, y, target=Mean())[0])
    assert_allclose(display.second, other.influence(X, y)[0], rtol=1e-12, atol=1e-15)
    half = InfluenceExplainer(other.estimator).fit(other.X_train_[:200], other.y_train_[:200])
    with pytest.raises(ValueError, match="same rows in the same order"):
        displays.ComparisonDisplay.from_explainers(explainer, half, X, y)


def test_what_a_flagger_found(flagger):
    found, given, _ = flagger
    display = displays.LabelReportDisplay.from_flagger(found)
    heights = sum(bar.get_height() for part in display.ax_[0].containers for bar in part)
    assert heights == len(given)
    assert_array_equal(display.noise_matrix, found.noise_matrix_)
    texts = [text.get_text() for text in display.ax_[1].texts]
    assert texts[1].startswith(f"{found.noise_matrix_[0, 1]:.2f}")
    X, y = load_diabetes(return_X_y=True)
    values = LabelFlagger(Ridge(0.1)).fit(X, y)
    display = displays.LabelReportDisplay.from_flagger(values)
    assert_array_equal(display.given, y)
    assert_array_equal(display.predicted, values.loo_prediction_)


def test_each_output_is_shown_by_itself():
    X, y = load_iris(return_X_y=True)
    both = LabelFlagger(RidgeClassifier()).fit(X, np.column_stack([y, y > 0]))
    with pytest.raises(ValueError, match="flaggers_"):
        displays.LabelReportDisplay.from_flagger(both)
    assert displays.LabelReportDisplay.from_flagger(both.flaggers_[0]).flagged.shape == (150,)


def test_fixing_labels(flagger):
    _, given, y = flagger
    X, _ = load_iris(return_X_y=True)
    wrong = given != y
    first = np.r_[np.flatnonzero(wrong), np.flatnonzero(~wrong)]
    rankings = {"oracle": first, "reversed": first[::-1]}
    model = LogisticRegression(max_iter=1000)
    display = displays.LabelFixCurveDisplay.from_rankings(
        rankings, given, y, estimator=model, X=X, X_test=X, y_test=y, n_points=6
    )
    assert_allclose(display.found["oracle"], [0, 1, 1, 1, 1, 1])
    assert_allclose(display.found["reversed"], [0, 0, 0, 0, 0, 1])
    assert display.test_score["oracle"][0] == model.fit(X, given).score(X, y)
    assert display.test_score["oracle"][1] == display.clean_score == model.fit(X, y).score(X, y)
    with pytest.raises(ValueError, match="exactly once"):
        displays.LabelFixCurveDisplay.from_rankings({"short": [0, 1]}, given, y)
    with pytest.raises(ValueError, match="no curve"):
        displays.LabelFixCurveDisplay.from_rankings(rankings, y, y)
    with pytest.raises(ValueError, match="X_test and y_test"):
        displays.LabelFixCurveDisplay.from_rankings(rankings, given, y, estimator=model)


def test_damping_takes_the_best_of_other_settings():
    results = {
        "param_damping": np.array([0.1, 0.0, 0.1, 0.0]),
        "param_method": np.array(["newton_step", "newton_step", "first_order", "first_order"]),
        "mean_test_score": np.array([0.5, 0.9, 0.7, 0.8]),
        "std_test_score": np.array([0.1, 0.2, 0.3, 0.4]),
        "split0_test_score": np.zeros(4),
        "split1_test_score": np.zeros(4),
    }
    display = displays.DampingCurveDisplay.from_cv_results(results)
    assert_array_equal(display.damping, [0.0, 0.1])
    assert_array_equal(display.mean_score, [0.9, 0.7])
    assert_allclose(display.std_error, np.array([0.2, 0.3]) / np.sqrt(2.0))
    with pytest.raises(ValueError, match="param_damping"):
        displays.DampingCurveDisplay.from_cv_results(results, param="alpha")


def test_a_fitted_estimator_is_explained_as_it_is():
    X, y = load_iris(return_X_y=True)
    rough = LogisticRegression(max_iter=1000, tol=0.01).fit(X, y)
    display = displays.SelfInfluenceDisplay.from_estimator(rough, X, y)
    explainer = InfluenceExplainer(LogisticRegression(max_iter=1000)).fit(X, y)
    assert_allclose(display.self_influence, explainer.self_influence(), rtol=1e-6)


def test_one_test_row_at_a_time(tumours):
    explainer, _, _ = tumours
    for name in ("TopInfluence", "InfluenceDistance", "InfluenceComponents", "RelativeInfluence"):
        show = getattr(displays, f"{name}Display").from_explainer
        with pytest.raises(ValueError, match="X_test has 400"):
            show(explainer, explainer.X_train_, explainer.y_train_)


def test_leverages_of_training_rows_lie_on_the_diagonal(tumours):
    explainer, _, _ = tumours
    n, known = 400, np.sort(explainer.out_of_sample_leverage())
    display = displays.UnlikeTrainingDisplay(known, known, np.arange(n)).plot()
    points = display.ax_.collections[0].get_offsets()
    assert_allclose(points[:, 0], points[:, 1])
    display = displays.UnlikeTrainingDisplay(np.array([np.inf, 1.0]), known, np.arange(2)).plot()
    assert display.ax_.get_title() == "undetermined: 1 test row"


@pytest.mark.parametrize(
    "make",
    [
        displays.SelfInfluenceDisplay.from_explainer,
        displays.InfluencePlotDisplay.from_explainer,
        lambda explainer: displays.RemovalFidelityDisplay.from_explainer(explainer, [[0.0]], [0]),
    ],
)
def test_what_is_no_explainer_is_refused_in_words(make):
    with pytest.raises(TypeError, match="Ridge; expected an InfluenceExplainer"):
        make(Ridge())
    with pytest.raises(NotFittedError):
        make(InfluenceExplainer())


def test_no_test_row_is_refused_in_words():
    with pytest.raises(ValueError, match="X_test is None; expected a table"):
        displays.TopInfluenceDisplay.from_explainer(InfluenceExplainer(), None)
