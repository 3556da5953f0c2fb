"""
=====================================================
Which rows made this metric, and how firm a result is
=====================================================

A score on test rows is made by the training rows, and so is a published coefficient. Two questions
about the same kind of number: how far do the most helpful and the most harmful rows move it, and
how few rows carry a conclusion?
"""

# %%
# Does a patient's diabetes progress faster than the median? A tenth of the training labels is made
# wrong.
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression, LogisticRegression

from skinfluence import InfluenceExplainer
from skinfluence.datasets import flip_labels
from skinfluence.displays import FunctionalCurveDisplay
from skinfluence.functionals import (
    Coefficient,
    TValue,
    functional_value,
    influence_on,
    repair_curve,
    smallest_set,
)
from skinfluence.targets import EqualOpportunityGap

X, y = load_diabetes(return_X_y=True, as_frame=True)
fast = (y > y.median()).to_numpy()
given, wrong = flip_labels(fast[:242], 0.1, random_state=0)
explainer = InfluenceExplainer(LogisticRegression(C=10)).fit(X[:242], given)
test = X[242:], fast[242:]

# %%
# The effect of each training row on the area under the ROC curve of the test rows. Among the rows
# without which it rises most, many labels are wrong.
effect = influence_on(explainer, "roc_auc", *test)
harmful = effect.argsort()[::-1][:24]
print(f"AUROC {functional_value(explainer, 'roc_auc', *test):.4f}")
print(
    f"wrong labels: {wrong.mean():.0%} of all, {wrong[harmful].mean():.0%} of the 24 most harmful"
)

# %%
# Removed or corrected in that order; every point is a refit.
import matplotlib.pyplot as plt

fig, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained", sharey=True)
FunctionalCurveDisplay.from_explainer(explainer, "roc_auc", *test, max_share=0.25, ax=axes[0])
orders = {
    "largest increase first": effect.argsort()[::-1],
    "self-influence": explainer.self_influence().argsort()[::-1],
}
curve = repair_curve(explainer, "roc_auc", fast[:242], *test, orders=orders, max_share=0.25)
FunctionalCurveDisplay.from_curve(curve, ax=axes[1])
axes[0].set_title("rows removed")
axes[1].set_title("labels corrected")
plt.show()

# %%
# A gap in the true positive rate between the sexes, and the fewest rows without which it halves.
gap = EqualOpportunityGap(X["sex"][242:] > 0)
value = functional_value(explainer, gap, *test)
print(smallest_set(explainer, gap, *test, change=-value / 2))

# %%
# Least squares on all patients: how few carry each sign, and each t value beyond 1.96?
linear = InfluenceExplainer(LinearRegression()).fit(X, y)
for name in X.columns:
    t = functional_value(linear, TValue(name))
    sign = smallest_set(linear, Coefficient(name), max_rows=60)
    bound = None
    if abs(t) > 1.96:
        bound = smallest_set(linear, TValue(name), to=1.96 if t > 0 else -1.96, max_rows=60).size
    print(f"{name:4} t {t:5.2f}  sign changes without {sign.size}  below 1.96 without {bound}")

# %%
# The most helpful rows lower the area steeply when they are removed; the most harmful ones raise
# it, and many of them have wrong labels. The t value of s5, 4.4, falls below 1.96 without 11 of the
# 442 patients.
