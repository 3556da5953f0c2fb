"""
===========================================
How much damping does an explanation bear?
===========================================

Damping adds a little to the curvature before it is inverted. It is common advice, and often
necessary, for deep networks. Does it make the explanation of a logistic regression truer? That can
be measured: `score` compares predicted effects with those of real refits, and so a grid search can
choose the damping.
"""

# %%
# Breast tumours, and a search over damping and method. The search fits on folds, and scores on
# what is left of them: by Lin's concordance between predicted and refitted changes of the loss,
# at most 1.
from tempfile import TemporaryDirectory

import numpy as np
from joblib import Memory
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skinfluence import InfluenceExplainer

X, y = load_breast_cancer(return_X_y=True)
model = make_pipeline(StandardScaler(), LogisticRegression())
dampings = [0.0, *np.logspace(-5, 0, 6)]
grid = {"method": ["first_order", "newton_step"], "damping": dampings}
with TemporaryDirectory() as folder:  # candidates share the refits that are kept there
    explainer = InfluenceExplainer(model, memory=Memory(folder, verbose=0))
    search = GridSearchCV(explainer, grid, cv=4).fit(X, y)
print(search.best_params_, f"fidelity {search.best_score_:.4f}")

# %%
# The same search by accuracy, which is what `score` would be of an ordinary classifier.
by_accuracy = {"damping": dampings}
blind = GridSearchCV(InfluenceExplainer(model), by_accuracy, cv=4, scoring="accuracy").fit(X, y)
print("different accuracies:", len(set(blind.cv_results_["mean_test_score"])))

# %%
# Each fold's fidelity is a thin line, their mean a thick one; damping 0 is at the left end.
import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(7.5, 4.5), layout="constrained")
results = search.cv_results_
place = np.array([dampings[1] / 10, *dampings[1:]])
for method, color in [("first_order", "#d95f02"), ("newton_step", "#4c72b0")]:
    mine = np.asarray(results["param_method"] == method)
    order = np.argsort(np.asarray(results["param_damping"][mine], dtype=float))
    for fold in range(4):
        ax.semilogx(place, results[f"split{fold}_test_score"][mine][order], color=color, alpha=0.3)
    mean = results["mean_test_score"][mine][order]
    ax.semilogx(place, mean, "o-", color=color, linewidth=2, label=method)
accuracy = np.full(len(place), blind.best_score_)
ax.semilogx(place, accuracy, "--", color="0.5", label="accuracy of the model")
ax.set_xticks(place, ["0", *(f"{d:g}" for d in dampings[1:])])
ax.set(xlabel="damping", ylabel="score on the left-out fold", ylim=(0, 1.05))
ax.legend(loc="lower left")
plt.show()

# %%
# None. The optimum of this model is well determined, and damping only shrinks the effects: a
# little does no harm, more makes the explanation wrong while the model, and with it the accuracy,
# stays as it is. What does help is the better method. Damping is for a Hessian that has no
# inverse.
