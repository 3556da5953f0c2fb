"""
================================================
Ten influential rows that differ from each other
================================================

Which ten training rows should a person look at? The ten of largest influence are often much
alike. Here influence is traded for diversity, and the trade-off is chosen where both can be had.
"""

# %%
# Handwritten digits of 8 x 8 pixels: which training rows does the accuracy on the test rows
# depend on?
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from skinfluence import InfluenceExplainer
from skinfluence.selection import select_diverse

X, y = load_digits(return_X_y=True)
X = X / 16.0
X_train, X_test, y_train, y_test = train_test_split(X, y, train_size=1200, random_state=0)
explainer = InfluenceExplainer(LogisticRegression()).fit(X_train, y_train)

# %%
# ``gamma="auto"``, the default, tries trade-offs from none (gamma = 0: the most influential
# rows) to nearly all for diversity, and takes the knee of the path.
settings = {"diversity": "facility_location", "order": "helpful"}
plain = select_diverse(explainer, 10, X_test, y_test, gamma=0.0, **settings)
diverse = select_diverse(explainer, 10, X_test, y_test, **settings)
for name, found in {"gamma = 0": plain, f"gamma = {diverse.gamma:g}": diverse}.items():
    print(
        f"{name}: influence {found.influence[-1]:.2f}, diversity {found.diversity[-1]:.2f}, "
        f"{len(np.unique(y_train[found.rows]))} different digits"
    )

# %%
# Above: the path of trade-offs, with the knee. Below: the ten rows of both choices, in the order of
# their selection.
import matplotlib.pyplot as plt

fig = plt.figure(figsize=(8, 9), layout="constrained")
top, *choices = fig.subfigures(3, 1)
ax = top.subplots()
ax.plot(diverse.path["influence"], diverse.path["diversity"], "o-", color="0.5", markersize=4)
ax.plot(diverse.influence[-1], diverse.diversity[-1], "D", color="#D55E00", label="knee")
ax.set(xlabel="influence, share of the largest", ylabel="diversity", ylim=(0, 1))
ax.legend()
for part, found in zip(choices, (plain, diverse), strict=True):
    part.suptitle(f"gamma = {found.gamma:g}, given label below")
    for ax, row in zip(part.subplots(2, 5).flat, found.rows, strict=True):
        ax.imshow(X_train[row].reshape(8, 8), cmap="gray_r")
        ax.set(xticks=[], yticks=[])
        ax.set_xlabel(f"{y_train[row]}")
plt.show()

# %%
# The most influential rows are often the same digit over and over. A little influence given up buys
# a set that shows every kind.
