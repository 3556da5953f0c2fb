"""
==========================================
Effects of groups of patients are not sums
==========================================

A group of training rows is more than the sum of its rows: as long as some patients of a kind are
left, they stand in for the others. Here every patient group of the hospital data is removed as a
whole, and three predictions of what that does are compared with models that were really refitted.
"""

# %%
# 20,000 stays in hospital and whether the patient came back within 30 days (Strack et al. 2014;
# the table of Koh & Liang 2017). Each 0/1 column marks a group: an age, a diagnosis, a drug. Groups
# of up to a quarter of the rows are removed.
import numpy as np
from sklearn.linear_model import LogisticRegression

from skinfluence import InfluenceExplainer
from skinfluence.datasets import load_hospital_readmission
from skinfluence.groups import group_influence, smallest_flipping_set

hospital = load_hospital_readmission()
X, y, names = hospital.data, hospital.target, hospital.feature_names
X_test, y_test = hospital.data_test[:500], hospital.target_test[:500]
model = LogisticRegression(C=0.5, fit_intercept=False, solver="newton-cholesky")
explainer = InfluenceExplainer(model).fit(X, y)

marks = {name: x == 1 for name, x in zip(names, X.T, strict=True) if set(np.unique(x)) == {0, 1}}
groups = {name: mark for name, mark in marks.items() if mark.mean() <= 0.25}
print(
    f"{len(groups)} groups of {min(map(sum, groups.values()))} to "
    f"{max(map(sum, groups.values()))} rows"
)

# %%
# Change of the mean test loss without each group.
effects = {
    method: group_influence(explainer, groups, X_test, y_test, method=method).mean(axis=0)
    for method in ("first_order", "second_order", "newton_step", "refit")
}

# %%
# The sum of influences, the second order of Basu et al. (2020) and the Newton step.
import matplotlib.pyplot as plt

titles = {
    "first_order": "first order: the sum",
    "second_order": "second order",
    "newton_step": "Newton step",
}
truth = 1e3 * effects["refit"]
fig, axes = plt.subplots(1, 3, figsize=(9, 3.4), layout="constrained", sharex=True, sharey=True)
for ax, (method, title) in zip(axes, titles.items(), strict=True):
    ax.axline((0, 0), slope=1, color="0.7", linewidth=1)
    ax.plot(truth, 1e3 * effects[method], "o", color="#0072B2", markersize=4, alpha=0.7)
    ax.set(title=title, xlabel="refitted change (x 1000)")
axes[0].set_ylabel("predicted change (x 1000)")
fig.suptitle("Change of the mean test loss without each group of patients")
plt.show()

# %%
# The groups that matter most, and how much of their effect the sum sees: next to nothing. A model
# with a coefficient for a group has fitted it until the residuals of the group's rows cancel, and
# influences are made of residuals.
for i in np.argsort(-np.abs(truth))[:5]:
    seen = effects["first_order"][i] / effects["refit"][i]
    name = list(groups)[i]
    print(f"{name:32} {np.sum(groups[name]):5} rows {truth[i]:+8.3f}   the sum sees {seen:.0%}")

# %%
# And how many rows would have to go until the prediction for one patient becomes another? Sets for
# ten patients, found by Newton steps and verified by refits.
patients = hospital.data_test[500:510]
found = {
    method: smallest_flipping_set(explainer, patients, method=method, max_rows=300)
    for method in ("newton_step", "first_order")
}
fig, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
ax.axline((10, 10), slope=1, color="0.7", linewidth=1)
styles = {"first_order": ("s", "#D55E00"), "newton_step": ("o", "#0072B2")}
for method, (marker, colour) in styles.items():
    both = [(f.size, f.predicted_size) for f in found[method] if f.size and f.predicted_size]
    ax.loglog(*np.transpose(both), marker, color=colour, alpha=0.7, label=titles[method])
ax.set(
    xlabel="rows that really flip the prediction",
    ylabel="rows that are predicted to",
    title="How few of 20,000 rows flip the prediction for a patient",
)
ax.legend()
plt.show()

# %%
enough = [f.size for f in found["newton_step"] if f.size]
print(
    f"{len(enough)} of {len(patients)} predictions flip within 300 rows; "
    f"half of these within {np.median(enough):.0f}"
)

# %%
# The sum of influences sees little of what a whole group does; the second order a little more; the
# Newton step lies on the line. For flipping sets the sum asks for too many rows, the more the
# further the prediction is from the decision.
