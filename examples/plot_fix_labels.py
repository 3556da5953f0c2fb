"""
===========================================================
Correcting the most suspicious labels first repairs a model
===========================================================

Figure 6 of Koh & Liang (2017): a tenth of the labels is wrong, and a person inspects them in some
order and corrects the wrong ones. How soon are they found, and how soon does the model recover?
"""

# %%
# Digits 3, 5 and 8, which resemble each other.
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from skinfluence import InfluenceExplainer, LabelFlagger
from skinfluence.datasets import flip_labels
from skinfluence.displays import LabelFixCurveDisplay

X, y = load_digits(return_X_y=True)
some = np.isin(y, [3, 5, 8])
X_train, X_test, y_train, y_test = train_test_split(X[some] / 16, y[some], random_state=0)
y_given, wrong = flip_labels(y_train, 0.1, random_state=0)
model = LogisticRegression(max_iter=1000)

# %%
# Three orders: the flagger's, self-influence (the paper's), and the loss.
explainer = InfluenceExplainer(model).fit(X_train, y_given)
loss = explainer.diagnostics(dfbetas=False)["loss"]
rankings = {
    "LabelFlagger": LabelFlagger().fit(X_train, y_given).ranking_,
    "self-influence": np.argsort(-explainer.self_influence()),
    "loss": np.argsort(-np.asarray(loss)),
}
LabelFixCurveDisplay.from_rankings(
    rankings,
    y_given,
    y_train,
    estimator=model,
    X=X_train,
    X_test=X_test,
    y_test=y_test,
    scoring="neg_log_loss",
)

# %%
# Every order beats the random one by far; the flagger finds nearly all wrong labels by the time
# that a tenth of the rows has been inspected, since it judges each row by models that have not seen
# its label.
