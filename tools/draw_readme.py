"""Draw the picture of README.md: python tools/draw_readme.py."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
matplotlib.rcParams.update({"svg.fonttype": "path", "svg.hashsalt": "readme"})

import matplotlib.pyplot as plt  # noqa: E402
from sklearn.datasets import load_breast_cancer  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402

from skinfluence import InfluenceExplainer, displays  # noqa: E402

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
explainer = InfluenceExplainer(LogisticRegression(max_iter=10_000)).fit(X[:400], y[:400])
x, label = X[413:414], y[413:414]
fig, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
displays.TopInfluenceDisplay.from_explainer(explainer, x, label, k=4, ax=axes[0])
displays.RemovalFidelityDisplay.from_explainer(explainer, x, label, ax=axes[1])
path = Path(__file__).resolve().parent.parent / "docs" / "_static" / "readme.svg"
fig.savefig(path, format="svg", facecolor="white", metadata={"Date": None})
