"""
=================================
Label qualities are probabilities
=================================

`label_quality_` is the probability that a given label is right. If it can be believed, four in five
labels of quality 0.8 are right, and the qualities say how many labels are wrong. Here handwritten
digits get wrong labels, from 5 to 40 % of them. Six of the 64 pixels are kept, so that digits are
taken for each other where their label is right, too.
"""

# %%
# The flagger at each rate, compared with the probability of a logistic regression that has not
# seen the label.
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from skinfluence import LabelFlagger
from skinfluence.datasets import flip_labels

X, y = load_digits(return_X_y=True)
X = X[:, [20, 28, 36, 42, 44, 52]] / 16
qualities = {"LabelFlagger": [], "cross-validated probability": []}
right, counts = [], []
for seed, rate in enumerate([0.05, 0.1, 0.2, 0.3, 0.4]):
    given, wrong = flip_labels(y, rate, random_state=seed)
    flagger = LabelFlagger(random_state=0).fit(X, given)
    model = LogisticRegression(max_iter=1000)
    proba = cross_val_predict(model, X, given, cv=5, method="predict_proba")
    qualities["LabelFlagger"].append(flagger.label_quality_)
    qualities["cross-validated probability"].append(proba[np.arange(len(y)), given])
    right.append(~wrong)
    estimated, std = flagger.noise_rate_ * len(y), flagger.noise_rate_std_ * len(y)
    counts.append((wrong.sum(), estimated, std))
    print(f"{wrong.sum()} labels are wrong, {estimated:.0f} ± {std:.0f} are estimated to be")

# %%
# Labels in ten groups by their quality: the mean quality of each group, and the share of its
# labels that is right; on the grey line they agree. On the right the estimated number of wrong
# labels with two standard errors.
import matplotlib.pyplot as plt

fig, axes = plt.subplots(1, 2, figsize=(9, 4.2), layout="constrained")
colours = ["#D55E00", "#0072B2"]
for (name, values), colour in zip(qualities.items(), colours, strict=True):
    quality, truth = np.concatenate(values), np.concatenate(right)
    group = np.minimum((10 * quality).astype(int), 9)
    size = np.bincount(group, minlength=10)
    mean, share = (np.bincount(group, v, minlength=10) / size for v in (quality, truth))
    axes[0].plot(mean, share, "o-", color=colour, label=name)
axes[0].plot([0, 1], [0, 1], color="0.7", linewidth=0.8)
axes[0].set(xlabel="quality of the label", ylabel="share that is right", title="Reliability")
axes[0].legend()

wrong, estimated, std = np.transpose(counts)
axes[1].plot([0, 720], [0, 720], color="0.7", linewidth=0.8)
axes[1].errorbar(wrong, estimated, yerr=2 * std, fmt="o", color=colours[0], capsize=3)
axes[1].set(xlabel="wrong labels", ylabel="estimated", title="How many are wrong")
plt.show()

# %%
# Four in five labels of quality 0.8 are right, by and large. The cross-validated probability of a
# label is far too low: a model that learns from wrong labels is unsure of the right ones, and its
# order may be good while its numbers are not. The estimated numbers follow the true ones, and miss
# them by two standard errors or more where digits that look alike are taken for wrong labels (on
# the left) or wrong labels for them.
