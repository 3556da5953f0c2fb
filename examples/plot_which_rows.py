"""
=============================================
Which training rows made the model say this?
=============================================

A logistic regression tells benign from malignant tumours. It is wrong about some of the tumours
that it has not seen. We take the one about which it is most wrong, and ask which training tumours
made it so sure.
"""

# %%
# The breast cancer data of Wisconsin: 569 tumours, 30 measurements each; 0 is malignant, 1
# benign.
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skinfluence import InfluenceExplainer

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
model = make_pipeline(StandardScaler(), LogisticRegression())
explainer = InfluenceExplainer(model).fit(X_train, y_train)

probability = explainer.predict_proba(X_test)[np.arange(len(y_test)), y_test]
worst = [probability.argmin()]
x, label = X_test.iloc[worst], y_test.iloc[worst]
print(f"probability of the true label {label.iloc[0]}: {probability.min():.3f}")

# %%
# Its most influential training rows, by the names of the data frame's index. Negative: without
# the training row the loss on this tumour would be lower, so the row harms. The influences come
# from one factorisation, and no model was fitted again. `verify=True` does fit again without each
# of the eight rows, to see whether the numbers are right. Of the 30 measurements those are shown
# that drive this prediction.
explanation = explainer.explain(x, label, k=8, verify=True)
print(explanation)

# %%
# A notebook shows a table with bars. Each number is an attribute.
rows = explanation[0].position
predicted, refitted = explanation[0].influence, explanation[0].refit

# %%
# Left: predicted and refitted changes of the loss. Right: where the rows lie, in the two
# measurements that the model weighs most.
import matplotlib.pyplot as plt

BLUE, ORANGE, GREY = "#4c72b0", "#d95f02", "0.8"
fig, (ax, ax_rows) = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
place = np.arange(len(rows))
ax.barh(place - 0.2, predicted, height=0.4, color=BLUE, label="predicted")
ax.barh(place + 0.2, refitted, height=0.4, color=GREY, label="refitted")
ax.set_yticks(place, [f"row {X_train.index[r]}" for r in rows])
ax.invert_yaxis()
ax.axvline(0, color="black", linewidth=0.8)
ax.set(xlabel="influence: change of the loss without the row", title="The eight strongest rows")
ax.legend(loc="lower right")

coef = explainer.estimator_[-1].coef_[0]
first, second = X.columns[np.argsort(-np.abs(coef))[:2]]
for code, color, name in [(0, ORANGE, "malignant"), (1, BLUE, "benign")]:
    some = y_train == code
    style = {"color": color, "alpha": 0.3, "s": 12, "label": name, "linewidth": 0}
    ax_rows.scatter(X_train[first][some], X_train[second][some], **style)
colors = np.where(y_train.iloc[rows] == 0, ORANGE, BLUE)
strong = X_train.iloc[rows]
sizes = 200 * np.abs(predicted) / np.abs(predicted).max()
ax_rows.scatter(strong[first], strong[second], c=colors, s=sizes, edgecolor="black")
ax_rows.plot(x[first], x[second], "kX", markersize=11, linestyle="none", label="the tumour")
ax_rows.set(xlabel=first, ylabel=second, title="Where they lie (size: influence)")
ax_rows.legend()
plt.show()

# %%
# Predicted and refitted changes agree, row for row. A row of the same class need not help: the
# one that harms the most is malignant, as the tumour is, but the model holds it for benign (see
# its own loss in the table), and so are most of the others in the picture: they lie where the
# benign ones are.
