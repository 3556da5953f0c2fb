"""The sentences and the tables of ``skinfluence demo``. Every number in them is computed."""

import numpy as np
from sklearn.metrics import log_loss

from skinfluence.datasets import load_hospital_readmission

from ._layout import paragraph, table

# What the tables show of a patient: the title, and the name of a column or the prefix of the 0/1
# columns of one category.
SHOWN = {
    "age": "age_",
    "days": "time_in_hospital",
    "earlier\nstays": "number_inpatient",
    "emerg.\nvisits": "number_emergency",
    "A1C\ntest": "A1Cresult_",
    "insulin\ndose": "insulin_",
}
METHODS = {
    "first_order": "first\norder",
    "newton_step": "Newton\nstep",
    "refit": "really\nrefitted",
}


def describe_model(hospital, explainer, weight_decay):
    """Say what the data and the model are, and how the planted mismatch shows."""
    X, y = hospital.data, hospital.target
    child, child_test = _is_child(hospital, X), _is_child(hospital, hospital.data_test)
    before = load_hospital_readmission()
    child_before = _is_child(before, before.data)

    coef = explainer.estimator_.coef_
    objective = loss(explainer, X, y) + weight_decay / 2 * np.sum(coef**2)
    accuracy = np.mean(explainer.predict(X) == y)
    called_readmitted = explainer.predict(hospital.data_test[child_test]).sum()
    readmitted = hospital.target_test[child_test].sum()

    data = (
        f"{len(y):,} stays of diabetic patients in US hospitals, {X.shape[1]} columns "
        "(UCI 296, Strack et al. 2014, CC BY 4.0). Target: will the patient be readmitted "
        "within 30 days? As in Koh & Liang (2017), section 5.3, children under ten who were not "
        f"readmitted are left out of training: of {child_before.sum()} children "
        f"{before.target[child_before].sum()} were readmitted, of the {child.sum()} that are "
        f"left {y[child].sum()}."
    )
    model = (
        f"LogisticRegression(C=1/(n * {weight_decay:g}), fit_intercept=False), explained "
        'with penalty_scaling="mean", as the paper counts the penalty. '
        f"Objective {objective:.6f}, training accuracy {accuracy:.1%}. It calls "
        f"{called_readmitted} of {child_test.sum()} test children readmitted; {readmitted} were."
    )
    return paragraph(data, "Data   ") + "\n" + paragraph(model, "Model  ")


def describe_test_row(hospital, explainer, x_test, y_test, test_row):
    """Say what the model makes of the test row."""
    predicted = int(explainer.predict(x_test)[0])
    probability = explainer.predict_proba(x_test)[0, predicted]
    return paragraph(
        f"Test row {test_row}, aged {_category(hospital, x_test[0], 'age_')}, was "
        f"{hospital.target_names[y_test[0]]}. The model predicts "
        f"{hospital.target_names[predicted]} "
        f"({probability:.1%}), loss {loss(explainer, x_test, y_test):.4f}. The tables show by how "
        "much this loss changes when one training patient is removed; * marks children.",
        "Child  ",
    )


def patients(hospital, rows, effects):
    """Table of predicted and refitted changes of the loss, one training row per line."""
    child = _is_child(hospital, hospital.data)
    lines = [
        [
            f"{'*' if child[row] else ''}{row}",
            *(_category(hospital, hospital.data[row], column) for column in SHOWN.values()),
            hospital.target_names[hospital.target[row]],
            *(f"{effects[method][row]:+.5f}" for method in METHODS),
        ]
        for row in rows
    ]
    header = ["row", *SHOWN, "label", *METHODS.values()]
    return table(lines, header, left={1, 5, 6, 7})


def describe_children(hospital, influence):
    """Say how far the training children stand out from all other training patients."""
    child = _is_child(hospital, hospital.data)
    magnitude = np.abs(influence)
    strongest_other = int(np.argmax(np.where(child, 0, magnitude)))
    factors = np.sort(magnitude[child] / magnitude[strongest_other])[::-1]
    *most, least = [f"{factor:.0f}" for factor in factors]
    return paragraph(
        f"The {child.sum()} training children are {child.mean():.2%} of the training patients and "
        f"carry {magnitude[child].sum() / magnitude.sum():.0%} of all influence on this test row "
        f"(sum of magnitudes, first order). They weigh {', '.join(most)} and {least} times as much "
        f"as the next patient, row {strongest_other}; the paper says 30 to 40 times."
    )


def describe_agreement(effects, shown, checked_row, checked_change):
    """Say how far the predicted changes lie from the refitted ones."""
    first, newton = (_worst_error(effects, name, shown) for name in ("first_order", "newton_step"))
    return paragraph(
        f"Predicted against really refitted, over the {len(shown)} rows shown: the first order "
        f"is off by at most {first:.2g}% of the refitted change, the Newton step by at most "
        f"{newton:.2g}%. Scikit-learn alone, fitted again without row {checked_row}, changes the "
        f"loss by {checked_change:+.5f}."
    )


def conclude(hospital, effects, row):
    """Say in one sentence what was seen."""
    child = _is_child(hospital, hospital.data)
    strongest = np.argsort(-np.abs(effects["first_order"]))[: child.sum()]
    return paragraph(
        f"What was seen: of {len(child):,} training patients the {child.sum()} children take "
        f"{child[strongest].sum()} of the first {child.sum()} places in influence, and leaving out "
        f"the most harmful of them (row {row}) really lowers the loss on this child by "
        f"{-effects['refit'][row]:.3f}: the model is wrong about children because of the few "
        "children that it was trained on."
    )


def loss(model, X, y):
    """Return the mean log loss of a model on rows with labels 0 and 1."""
    return log_loss(y, model.predict_proba(X), labels=[0, 1])


def _is_child(hospital, X):
    """Mark the children under ten. shape: (n,)"""
    return X[:, hospital.feature_names.index("age_[0-10)")] == 1


def _category(hospital, x, column):
    """Give a count as digits, or say in a short word which of several 0/1 columns is set."""
    names = hospital.feature_names
    if column in names:
        return f"{x[names.index(column)]:.0f}"
    categories = (name for name, value in zip(names, x, strict=True) if value == 1)
    word = next((name for name in categories if name.startswith(column)), column + "-")
    return word.removeprefix(column).strip("[)").lower()


def _worst_error(effects, method, rows):
    """Return the largest error of a method over rows, in per cent of the refitted change."""
    refitted = effects["refit"][rows]
    return 100 * np.max(np.abs(effects[method][rows] - refitted) / np.abs(refitted))
