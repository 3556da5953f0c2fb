"""
============================================
Near neighbours are not the influential rows
============================================

Near neighbours are the usual answer to "which training rows matter here?". Influence is an inner
product too, but of the rows as the model sees them: weighted by how wrong the model still is about
a training row, and measured by the inverse Hessian. Koh & Liang (2017) took the two away one by
one on digits 1 and 7 (their Figure 1); here are scikit-learn's digits.
"""

# %%
# Digits 1 and 7, without an intercept as in the paper; the first 250 train.
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from skinfluence import InfluenceExplainer
from skinfluence.components import influence_components

X, y = load_digits(return_X_y=True)
chosen = np.isin(y, [1, 7])
X, y = X[chosen] / 16, y[chosen]
X_train, y_train, X_test, y_test = X[:250], y[:250], X[250:], y[250:]
model = LogisticRegression(C=0.4, fit_intercept=False)
explainer = InfluenceExplainer(model).fit(X_train, y_train)
parts = influence_components(explainer, X_test, y_test)

# %%
# The seven that the model is least sure of, and all training rows: influence against what is left
# of it.
import matplotlib.pyplot as plt

from skinfluence.displays import InfluenceComponentsDisplay

sure = explainer.predict_proba(X_test)[:, 1]
test = np.flatnonzero(y_test == 7)[sure[y_test == 7].argmin()]
table = parts.frame(test)
names = ("without_loss", "without_hessian", "inner_product")
InfluenceComponentsDisplay.from_explainer(explainer, X_test[[test]], y_test[[test]])
plt.show()

# %%
# The rows at the top of each list, and the sevens that harm most: no inner product of images finds
# them.
influence = parts.influence[test]
orders = {
    "largest inner product": np.argsort(-parts.inner_product[test]),
    "most helpful": np.argsort(-influence),
    "most harmful sevens": np.argsort(np.where(y_train == 7, influence, np.inf)),
}
fig, axes = plt.subplots(3, 6, figsize=(8, 4.6), layout="constrained")
for line, (title, order) in zip(axes, orders.items(), strict=True):
    images = [X_test[test], *X_train[order[:5]]]
    for ax, image in zip(line, images, strict=True):
        ax.imshow(image.reshape(8, 8), cmap="gray_r")
        ax.set(xticks=[], yticks=[])
    line[0].set_ylabel("test row", fontsize="small")
    line[1].set_title(title, fontsize="small", loc="left")
plt.show()

# %%
# The truth is what refitting without each row does to the loss of this seven.
refitted = explainer.influence(X_test[[test]], y_test[[test]], method="refit")[0]
for name in ("influence", *names):
    agreement = np.corrcoef(table[name], refitted)[0, 1]
    print(f"{name:16} correlation with refits {agreement:.3f}")

# %%
# Influence is the truth, to first order; without the training loss or the inverse Hessian it is
# something else. Images are never negative, so an inner product calls every seven helpful, though
# some sevens make the model less sure of this one.
