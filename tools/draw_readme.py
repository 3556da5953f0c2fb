"""Draw the picture of README.md: python tools/draw_readme.py."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
matplotlib.rcParams.update({"svg.fonttype": "path", "svg.hashsalt": "readme"})

import matplotlib.pyplot as plt  # noqa: E402
from sklearn.datasets import load_breast_cancer  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.model_selection import train_test_split  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

from skinfluence import InfluenceExplainer, displays  # noqa: E402

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
explainer = InfluenceExplainer(make_pipeline(StandardScaler(), LogisticRegression()))
explainer.fit(X_train, y_train)
wrong = explainer.predict(X_test) != y_test
x, label = X_test[wrong][:1], y_test[wrong][:1]
fig, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
displays.TopInfluenceDisplay.from_explainer(explainer, x, label, k=4, ax=axes[0])
displays.RemovalFidelityDisplay.from_explainer(explainer, x, label, ax=axes[1])
path = Path(__file__).resolve().parent.parent / "docs" / "_static" / "readme.svg"
fig.savefig(path, format="svg", facecolor="white", metadata={"Date": None})
