"""
===================================================
Which patients does the training table not describe
===================================================

A table of hospital stays holds four children. Which test patients are unlike the training patients,
and which training patients mislead the model about them? No column is pointed at.
"""

# %%
# The hospital data with the domain mismatch of Koh & Liang (2017), section 5.3: three of the four
# training children were readmitted, and none of the 137 test children.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression

from skinfluence import InfluenceExplainer
from skinfluence.datasets import load_hospital_readmission
from skinfluence.displays import UnlikeTrainingDisplay
from skinfluence.mismatch import subgroup_influence, unlike_training

hospital = load_hospital_readmission(modified=True, as_frame=True)
X, y, X_test, y_test = hospital.data, hospital.target, hospital.data_test, hospital.target_test
model = LogisticRegression(C=0.5, solver="newton-cholesky")
explainer = InfluenceExplainer(model).fit(X, y)

# %%
# Test patients of the largest leverage. Labels are not used.
unlike = unlike_training(explainer, X_test, n_rows=5, random_state=0)
print(unlike)

# %%
# The share of each age group's test patients that lie beyond 99 % of the training patients.
beyond = unlike.quantile > 0.99
age = X_test.filter(like="age_").idxmax(axis=1)
by_age = age.to_frame("age").assign(beyond=beyond).groupby("age")["beyond"].agg(["mean", "size"])
print(by_age.round(3).to_string())

# %%
# Subgroups of the training patients without which the test loss would be lower: those of the
# largest effect in units of what as many random patients do.
found = subgroup_influence(explainer, X_test, y_test, n_groups=6, verify=True)
print(found)

# %%
# Left: leverages, where the step above the diagonal is the children. Right: the subgroups.
fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
UnlikeTrainingDisplay.from_explainer(explainer, X_test, ax=left)
place = np.arange(len(found))
right.barh(place, [-one.standardized for one in found], color="#D55E00")
right.set_yticks(place, [f"{one.name}\n({one.n_rows:,} rows)" for one in found], fontsize=8)
right.set_xlabel("decrease of the test loss without the subgroup,\nstandard deviations")
right.invert_yaxis()
plt.show()

# %%
# Children are the one age group that lies outside, and four training children of 19,980 patients
# harm the predictions by more standard deviations than any other subgroup, by a factor of ten.
