"""
===========================================================
Relative influence leaves out the rows that move everything
===========================================================

The most influential training rows are often the same for every test row: outliers and wrong
labels, which move the whole model. Relative influence divides by how far a row moves the model,
and so asks which rows are meant for *this* prediction.
"""

# %%
# Handwritten digits of 8 x 8 pixels, and a logistic regression. Thirty training labels are set
# to another digit, as it happens in real tables.
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from skinfluence import InfluenceExplainer
from skinfluence.selection import relative_influence, top_relative_influences

X, y = load_digits(return_X_y=True)
X = X / 16.0
X_train, X_test, y_train, y_test = train_test_split(X, y, train_size=1200, random_state=0)
rng = np.random.default_rng(0)
wrong = rng.choice(len(y_train), 30, replace=False)
given = y_train.copy()
given[wrong] = (given[wrong] + rng.integers(1, 10, 30)) % 10

explainer = InfluenceExplainer(LogisticRegression(), method="first_order").fit(X_train, given)

# %%
# The three most influential rows of each test digit, by influence and by both relative forms:
# per unit of change of the coefficients ("theta"), and per unit of change of the likelihood
# ("loss").
found = {
    "influence": explainer.top_influences(X_test, y_test, k=3)[0],
    'relative, "theta"': top_relative_influences(explainer, X_test, y_test, k=3)[0],
    'relative, "loss"': top_relative_influences(explainer, X_test, y_test, k=3, kind="loss")[0],
}
for name, rows in found.items():
    shares = [len(np.unique(rows)) / rows.size, np.isin(rows, wrong).mean()]
    shares.append((given[rows] == y_test[:, None]).mean())
    print("{:18} different {:4.0%}, wrong labels {:4.0%}, same digit {:4.0%}".format(name, *shares))

# %%
# Some test digits with their three rows. Below each row stands its given label; a wrong one is
# marked.
import matplotlib.pyplot as plt

shown = [np.flatnonzero(y_test == digit)[0] for digit in (3, 8, 5, 9)]
fig = plt.figure(figsize=(10, 5.6), layout="constrained")
columns = fig.subfigures(1, 4, width_ratios=[1.3, 3, 3, 3])


def draw(ax, image, title, color="black"):
    ax.imshow(image.reshape(8, 8), cmap="gray_r")
    ax.set(xticks=[], yticks=[])
    ax.set_xlabel(title, color=color)


columns[0].suptitle("test digit")
for ax, t in zip(columns[0].subplots(len(shown), 1), shown, strict=True):
    draw(ax, X_test[t], f"{y_test[t]}")
for part, (name, rows) in zip(columns[1:], found.items(), strict=True):
    part.suptitle(name)
    for axes, t in zip(part.subplots(len(shown), 3), shown, strict=True):
        for ax, row in zip(axes, rows[t], strict=True):
            bad = row in wrong
            draw(
                ax,
                X_train[row],
                f"{given[row]}" + (" (wrong)" if bad else ""),
                "#B33C00" if bad else "k",
            )
plt.show()

# %%
# What the division does, seen on all pairs: influence of a row grows with how far the row moves
# the model, relative influence does not.
plain = np.abs(explainer.influence(X_test, y_test)).mean(axis=0)
relative = np.abs(relative_influence(explainer, X_test, y_test)).mean(axis=0)
length = np.linalg.norm(explainer.coef_influence(), axis=1)
fig, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
for ax, values, name in zip(axes, (plain, relative), ("influence", "relative"), strict=True):
    ax.loglog(length, values, ".", color="0.6", markersize=3, label="training rows")
    ax.loglog(length[wrong], values[wrong], "x", color="#D55E00", label="of wrong label")
    ax.set(xlabel="change of the coefficients without the row", ylabel=f"mean |{name}|")
axes[0].legend()
plt.show()

# %%
# Rows of wrong label move the coefficients most, so they lead the lists of influence. Divided by
# that change they fall behind, and rows of the same digit come first.
