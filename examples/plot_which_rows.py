"""
=============================================
The training rows behind one wrong prediction
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
# The same as a picture, and where the influential rows lie: the decision value is how sure the
# model is of a row, and 0 is the decision boundary.
import matplotlib.pyplot as plt

from skinfluence.displays import InfluenceDistanceDisplay, TopInfluenceDisplay

fig, axes = plt.subplots(1, 2, figsize=(10, 4.5), layout="constrained")
TopInfluenceDisplay.from_explainer(explainer, x, label, k=4, ax=axes[0])
InfluenceDistanceDisplay.from_explainer(explainer, x, label, kind="decision_value", ax=axes[1])
plt.show()

# %%
# Predicted and refitted changes agree, row for row, and the influential rows are those that the
# model is not sure of. A row of the same class need not help: the row that harms most is malignant,
# as the tumour is, but the model takes it for benign, as its own loss in the table shows.
