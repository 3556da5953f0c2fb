"""
====================================
One wrong prediction in all displays
====================================

One tumour that a model gets wrong, seen through every display of `skinfluence.displays`. Each takes
`ax=` for a figure of your own, keeps the arrays that it shows as attributes, and gives them as a
table by `.frame()`.
"""

# %%
# The breast cancer data of Wisconsin: 569 tumours, 30 measurements each; 0 is malignant, 1 benign.
import matplotlib.pyplot as plt
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skinfluence import InfluenceExplainer, LabelFlagger, displays
from skinfluence.datasets import flip_labels

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
model = make_pipeline(StandardScaler(), LogisticRegression())
explainer = InfluenceExplainer(model).fit(X_train, y_train)
wrong = explainer.predict(X_test) != y_test
x, label = X_test[wrong][:1], y_test[wrong][:1]

# %%
# Why this prediction?
# --------------------
# The training rows that help it and those that harm it most, with the measurements that drive it.
displays.TopInfluenceDisplay.from_explainer(explainer, x, label)

# %%
# Their influences as part of all: near rows matter most, and rows of both classes do both.
fig, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
displays.InfluenceDistanceDisplay.from_explainer(explainer, x, label, ax=axes[0])
displays.InfluenceDistanceDisplay.from_explainer(
    explainer, x, label, kind="decision_value", ax=axes[1]
)

# %%
# What the training loss and the inverse Hessian each contribute: without either, the order of the
# rows is another one.
displays.InfluenceComponentsDisplay.from_explainer(explainer, x, label)

# %%
# Relative influence ranks last what moves the whole model.
displays.RelativeInfluenceDisplay.from_explainer(explainer, x, label)

# %%
# How far can I believe it?
# -------------------------
# Forty training rows are removed one by one and the model is refitted: the points lie on the line.
displays.RemovalFidelityDisplay.from_explainer(explainer, x, label)

# %%
# Fidelity of a search over damping: this model needs none.
search = GridSearchCV(explainer, {"damping": [0.0, 1e-4, 1e-3, 1e-2, 1e-1]}, cv=3)
search.fit(X_train, y_train)
displays.DampingCurveDisplay.from_cv_results(search.cv_results_)

# %%
# The same rows in another model.
ridge = InfluenceExplainer(make_pipeline(StandardScaler(), RidgeClassifier()))
ridge.fit(X_train, y_train)
displays.ComparisonDisplay.from_explainers(explainer, ridge, x, label)

# %%
# Which rows carry the model?
# ---------------------------
# Leverage, residual and Cook's distance; and how much each row's own loss rests on itself.
fig, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
displays.InfluencePlotDisplay.from_explainer(explainer, ax=axes[0])
displays.SelfInfluenceDisplay.from_explainer(explainer, ax=axes[1])

# %%
# Groups of rows, by the size of the tumour.
size = X_train["mean radius"].floordiv(3).mul(3).map("radius from {:.0f}".format)
displays.GroupInfluenceDisplay.from_explainer(explainer, size, X_test, y_test)

# %%
# Which labels are wrong?
# -----------------------
# A tenth of the labels is flipped. The flagger finds most of them in the first tenth of the rows.
y_given, flipped = flip_labels(y_train.to_numpy(), 0.1, random_state=0)
flagger = LabelFlagger().fit(X_train, y_given)
displays.LabelReportDisplay.from_flagger(flagger)

# %%
# Correcting labels in the order of suspicion, compared with the loss of the fitted model.
noisy = InfluenceExplainer(model).fit(X_train, y_given)
displays.LabelFixCurveDisplay.from_rankings(
    {"LabelFlagger": flagger.ranking_, "self-influence": (-noisy.self_influence()).argsort()},
    y_given,
    y_train,
    estimator=model,
    X=X_train,
    X_test=X_test,
    y_test=y_test,
    scoring="neg_log_loss",
)

# %%
# The numbers behind any of them are a table: here of the two rows that help and the two that harm
# most.
displays.TopInfluenceDisplay.from_explainer(explainer, x, label, k=2).frame()
