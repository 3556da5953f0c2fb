"""
==========================================================================
One training image, changed by one grey level, flips a prediction
==========================================================================

A frozen network of PyTorch in front of logistic regression, attacked through the network (Koh &
Liang 2017, section 5.2). It needs torch, ``pip install 'skinfluence[torch]'``, and is not run for
this page; the tests run it. Its figure, of larger images, is on the page of networks of PyTorch.
"""

# %%
# Handwritten 3s and 8s with 256 grey levels, enlarged to 32 x 32 pixels; a hundred of them are for
# training.
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from skinfluence import InfluenceExplainer
from skinfluence.attacks import TrainingSetAttack, vulnerability
from skinfluence.displays import AttackDisplay
from skinfluence.networks import FeatureMap

X, y = load_digits(return_X_y=True)
kept = np.isin(y, (3, 8))
X = np.kron(15.0 * X[kept].reshape(-1, 8, 8), np.ones((4, 4))).reshape(kept.sum(), -1)
X_train, y_train, X_test, y_test = X[:100], y[kept][:100], X[100:], y[kept][100:]


# %%
# Four convolutions with random weights, which stay as they are.
def convolution(before, after, stride, gain=2.5):
    layer = nn.Conv2d(before, after, 3, stride=stride, padding=1)
    nn.init.normal_(layer.weight, 0.0, gain / (9 * before) ** 0.5)
    return layer


class Features(nn.Module):
    """Features of images in rows of 1,024 grey levels."""

    def __init__(self):
        super().__init__()
        shapes = ((1, 24, 1), (24, 24, 2), (24, 24, 1), (24, 24, 2))
        self.layers = nn.ModuleList(convolution(*shape) for shape in shapes)

    def forward(self, rows):
        images = (rows / 255).reshape(-1, 1, 32, 32)
        for layer in self.layers:
            images = torch.tanh(layer(images))
        return nn.functional.avg_pool2d(images, 2)


torch.manual_seed(0)
model = make_pipeline(FeatureMap(Features()), StandardScaler(), LogisticRegression(max_iter=5000))
explainer = InfluenceExplainer(model).fit(X_train, y_train)
correct = np.flatnonzero(explainer.predict(X_test) == y_test)
print(f"{len(correct)} of {len(y_test)} test images are classified correctly")

# %%
# Which predictions are exposed to one training image, of which every pixel may change by one grey
# level? Above 1 a prediction flips, to first order.
settings = {"max_change": 1, "unit": 1.0, "bounds": (0, 255), "integer": True, "step": 0.5}
attack = TrainingSetAttack(n_rows=1, max_iter=8, **settings)
share = vulnerability(explainer, X_test[correct], measure="flip", attack=attack)
print(f"{(share > 1).sum()} of them are expected to flip")

# %%
# The most exposed one is attacked. The flip is confirmed by a fit of scaler and regression.
target = X_test[correct[[share.argmax()]]]
result = attack.run(explainer, target)
print(result)
AttackDisplay(result, image_shape=(32, 32)).plot()
