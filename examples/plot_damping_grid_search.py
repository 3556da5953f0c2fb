"""
====================================================
Damping lowers the fidelity of a logistic regression
====================================================

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
# Mean fidelity over the folds with its standard error, and the accuracy of the model, which damping
# leaves as it is. No damping stands at the left end.
import matplotlib.pyplot as plt

from skinfluence.displays import DampingCurveDisplay

fig, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
results = search.cv_results_
for method, color, marker in [("first_order", "#D55E00", "s"), ("newton_step", "#0072B2", "o")]:
    mine = np.asarray(results["param_method"] == method)
    chosen = {
        name: np.asarray(values)[mine] for name, values in results.items() if name != "params"
    }
    style = {"color": color, "marker": marker, "label": method}
    DampingCurveDisplay.from_cv_results(chosen, score="score", ax=ax, **style)
ax.axhline(blind.best_score_, color="0.5", linestyle="--", label="accuracy of the model")
ax.set_ylabel("score on the left-out fold")
ax.legend(fontsize=8)
plt.show()

# %%
# This model needs none: its optimum is well determined, and damping only shrinks the effects. A
# little does no harm, more makes the explanation wrong while the model, and with it the accuracy,
# stays as it is. What does help is the better method. Damping is for a Hessian that has no
# inverse.
