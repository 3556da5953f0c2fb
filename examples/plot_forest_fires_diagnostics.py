"""
==================================================
One rainy fire carries a regression of burned area
==================================================

The forest fires of the Montesinho park in Portugal: 517 fires. Most burned less than a hectare,
one more than a thousand. A ridge regression predicts the burned area from month, day, place and
weather. Which fires carry the model, and how well does it predict a fire that it has not seen?
"""

# %%
# Month and day are words, the rest numbers. The target is the logarithm of the area.
import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skinfluence import InfluenceExplainer
from skinfluence.datasets import load_forest_fires

fires = load_forest_fires(as_frame=True)
X, y = fires.data, np.log1p(fires.target)
columns = make_column_transformer(
    (OneHotEncoder(sparse_output=False), ["month", "day"]), remainder=StandardScaler()
)
explainer = InfluenceExplainer(make_pipeline(columns, Ridge())).fit(X, y)

# %%
# The classical diagnostics, one row a fire. All of them are closed forms of leave-one-out fits.
table = explainer.diagnostics(dfbetas=False)
strongest = table.sort_values("cooks_distance", ascending=False).head(3)
shown = ["row", "leverage", "residual", "studentized_residual", "cooks_distance", "dffits"]
print(strongest[shown].round(3).to_string(index=False))
print(fires.frame.loc[strongest["row"], ["month", "day", "temp", "RH", "rain", "area"]])

# %%
# What the model says about a fire that it was not shown, without fitting 517 models.
unseen = explainer.leave_one_out_raw_predictions()
in_sample = np.mean((y - explainer.predict(X)) ** 2) / np.var(y)
left_out = np.mean((y - unseen) ** 2) / np.var(y)
print(f"unexplained part of the variance: {in_sample:.1%} in the sample, {left_out:.1%} left out")

# %%
# Leverage and residual of each fire; the area of a point is Cook's distance, how far all
# predictions move without the fire. Dashed lines: twice the mean leverage, and residuals of -2 and
# 2.
import matplotlib.pyplot as plt

from skinfluence.displays import InfluencePlotDisplay

fig, ax = plt.subplots(figsize=(8, 4.5), layout="constrained")
InfluencePlotDisplay.from_explainer(explainer, n_marked=3, ax=ax)
ax.set_xlim(0, 1.05)
plt.show()

# %%
# One fire stands alone, for its place and not for its area: it burned in the only heavy rain of
# the table, and so it alone sets the coefficient of rain (its leverage is near 1). The largest
# residuals have little leverage and move nothing. And on fires that it has not seen the model
# does worse than the mean of all would: its left-out part of the variance is above 100 %. The
# sample alone does not show it.
