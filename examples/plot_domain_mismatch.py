"""
=====================================================
Four training children mislead a model about children
=====================================================

A model that predicts whether diabetic patients will be readmitted to hospital within 30 days is
often wrong about children. We ask it about one of them, and look at the influence of every training
patient on its answer. This is the experiment on domain mismatch of Koh & Liang (2017), section 5.3,
with their data.
"""

# %%
# Only four of the 19,980 training patients are children, and three of these were readmitted. None
# of the 137 test children was, and yet the model calls 30 of them readmitted.
import numpy as np
from sklearn.linear_model import LogisticRegression

from skinfluence import InfluenceExplainer
from skinfluence.datasets import load_hospital_readmission

hospital = load_hospital_readmission(modified=True)
X, y = hospital.data, hospital.target
child_column = hospital.feature_names.index("age_[0-10)")
is_child = X[:, child_column] == 1

model = LogisticRegression(C=1 / (len(y) * 1e-4), fit_intercept=False, solver="newton-cholesky")
explainer = InfluenceExplainer(model, penalty_scaling="mean").fit(X, y)

test_children = hospital.data_test[:, child_column] == 1
print("training children readmitted:", y[is_child].sum(), "of", is_child.sum())
print("test children readmitted:", hospital.target_test[test_children].sum())
print("... and said to be:", explainer.predict(hospital.data_test[test_children]).sum())

# %%
# Would the coefficients tell? The one of the child column is positive, but it is no exception.
coef = explainer.estimator_.coef_[0]
print("larger coefficients:", (np.abs(coef) > np.abs(coef[child_column])).sum(), "of", len(coef))

# %%
# The influence of each training patient on test row 1742, a child who was not readmitted and whom
# the model says to be. Positive means that the loss on this child would rise without the patient.
position = np.flatnonzero(hospital.test_index == 1742)
x_test, y_test = hospital.data_test[position], hospital.target_test[position]
influence = explainer.influence(x_test, y_test, method="first_order")[0]

# %%
# The predictions are checked by really leaving out each of the 40 most influential patients.
strongest = np.argsort(-np.abs(influence))[:40]
refitted = explainer.influence(x_test, y_test, method="refit", rows=strongest)[0]

# %%
# Left: the influence of each training patient. Right: for the 40 patients that were left out, the
# size of the change, predicted against refitted.
import matplotlib.pyplot as plt

BLUE, ORANGE = "#0072B2", "#D55E00"
fig, (ax, ax_refit) = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
groups = [
    (~is_child, BLUE, ".", "older patients"),
    (is_child & (y == 1), ORANGE, "v", "children, readmitted"),
    (is_child & (y == 0), ORANGE, "^", "children, not readmitted"),
]
for group, color, marker, label in groups:
    style = {"color": color, "marker": marker, "linestyle": "none", "label": label}
    rows = np.flatnonzero(group)
    ax.plot(rows, influence[rows], **style)
    shown = group[strongest]
    ax_refit.loglog(np.abs(influence[strongest][shown]), np.abs(refitted[shown]), **style)

ax.set(
    title="All 19,980 training patients",
    xlabel="training row",
    ylabel="influence: change of the loss on the child",
)
ax.legend()
ax_refit.axline((1e-3, 1e-3), (0.1, 0.1), color="0.8", linewidth=1, zorder=0)
ax_refit.set(
    title="The 40 most influential",
    xlabel="size of the predicted change of the loss",
    ylabel="size of the change when refitted",
)
plt.show()

# %%
# The four training children stand apart from everyone else, by a factor of at least 24, and leaving
# one out really changes the loss by what was predicted, to within 13 per cent: the model learnt
# about children from four of them.
