"""
========================================================
The pixels of a training image that hold a prediction up
========================================================

A logistic regression tells handwritten ones from sevens. We look at a test image about which it is
not sure, and ask how its loss would move if the pixels of the *training* images were other ones:
the derivative of the loss through the refit. Then we move one training image along it, and fit
again to see whether that is so.
"""

# %%
# The digits of scikit-learn, 8 x 8 pixels, ones and sevens. The pixels are scaled and put into 20
# principal components before the model sees them; the derivatives are with respect to the pixels.
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skinfluence import InfluenceExplainer
from skinfluence.perturbation import perturbation_influence, replacement_influence

X, y = load_digits(return_X_y=True)
chosen = np.isin(y, [1, 7])
X, y = X[chosen] / 16, y[chosen]
X_train, y_train, X_test, y_test = X[:200], y[:200], X[200:], y[200:]
model = make_pipeline(PCA(20), LogisticRegression())
explainer = InfluenceExplainer(model).fit(X_train, y_train)

probability = explainer.predict_proba(X_test)[np.arange(len(y_test)), (y_test == 7).astype(int)]
worst = [probability.argmin()]
image, label = X_test[worst], y_test[worst]
print(f"a {label[0]}, with probability {probability.min():.2f}")

# %%
# One number for every pixel of every training image. We take the training image whose pixels
# matter most.
slopes = perturbation_influence(explainer, image, label)[0]
print(slopes.shape)
row = np.linalg.norm(slopes, axis=1).argmax()

# %%
# We move that image against the derivative and along it, further and further, every pixel as much
# as its derivative says. The straight line is the derivative itself; "Newton steps" predicts the
# whole change; the points are real refits.
direction = slopes[row] / np.linalg.norm(slopes[row])
lengths = np.linspace(-3.0, 3.0, 25)
moved = X_train[row] + lengths[:, None] * direction
rows = np.full(len(lengths), row)  # the same row in the place of itself, 25 times
newton = replacement_influence(explainer, rows, moved, None, image, label)[0]
refits = replacement_influence(explainer, rows, moved, None, image, label, method="refit")[0]
print(f"largest difference of the Newton steps: {np.abs(newton - refits).max():.4f}")

# %%
# From left to right: the test image, the training image, the derivative on its pixels, and the
# change of the test image's loss.
import matplotlib.pyplot as plt

fig, axes = plt.subplots(2, 2, figsize=(8, 6.4), layout="constrained")
axes = axes.ravel()
titles = [f"test image: a {label[0]}", f"training image {row}: a {y_train[row]}"]
for ax, pixels, title in zip(axes, [image[0], X_train[row]], titles, strict=False):
    ax.imshow(pixels.reshape(8, 8), cmap="gray_r")
    ax.set(title=title, xticks=[], yticks=[])
top = np.abs(slopes[row]).max()
shown = axes[2].imshow(slopes[row].reshape(8, 8), cmap="RdBu_r", vmin=-top, vmax=top)
axes[2].set(title="effect of more ink", xticks=[], yticks=[])
fig.colorbar(shown, ax=axes[2], label="change of the loss per unit of ink", shrink=0.9)
slope = np.linalg.norm(slopes[row])
axes[3].plot(lengths, lengths * slope, "--", color="0.6", label="derivative")
axes[3].plot(lengths, newton, color="#0072B2", label="Newton steps")
axes[3].plot(lengths, refits, "o", color="#D55E00", markersize=4, label="refitted")
axes[3].axhline(0.0, color="black", linewidth=0.8)
axes[3].set(xlabel="length of the move, in units of ink", ylabel="change of the loss")
axes[3].legend(fontsize=8)
plt.show()

# %%
# One training image of two hundred decides much about the test image. To the right it becomes so
# plainly a seven that the model learns nothing more from it; what is left is what removing it would
# do. To the left it comes to look like a one that is called a seven: the model bends towards it,
# and so towards the test image. The derivative tells the direction and the beginning; the Newton
# steps follow the refits all the way.
removed = explainer.influence(image, label, rows=[row], method="refit")[0, 0]
print(f"moved to the right: {refits[-1]:.3f}, removed: {removed:.3f}")
