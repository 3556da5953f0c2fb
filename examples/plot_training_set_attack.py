"""
===============================================================
Few changed training images flip the predictions of test images
===============================================================

A model that depends on few training rows can be misled by the person who writes these rows. An
attack on purpose measures how exposed its predictions are (Koh & Liang 2017, section 5.2).
"""

# %%
# Handwritten digits of 8 x 8 pixels with 17 grey levels, and a logistic regression that tells 1s
# and 7s from 8s and 9s, fitted to 300 of them.
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from skinfluence import InfluenceExplainer
from skinfluence.attacks import TrainingSetAttack, vulnerability
from skinfluence.displays import AttackDisplay

X, y = load_digits(return_X_y=True)
kept = np.isin(y, (1, 7, 8, 9))
X, y = X[kept], np.where(np.isin(y[kept], (1, 7)), "1 or 7", "8 or 9")
X_train, X_test, y_train, y_test = train_test_split(X, y, train_size=300, random_state=0)
explainer = InfluenceExplainer(LogisticRegression(max_iter=5000)).fit(X_train, y_train)
correct = explainer.predict(X_test) == y_test
print(f"{correct.mean():.1%} of {len(y_test)} test images are classified correctly")

# %%
# Before any attack: how much the loss of each test image could rise, to first order, if the one
# training image that matters most to it changed by two grey levels a pixel.
attack = TrainingSetAttack(n_rows=1, max_change=2, unit=1.0, bounds=(0, 16), integer=True)
exposed = vulnerability(explainer, X_test, attack=attack)
tests = np.flatnonzero(correct)
tests = tests[np.argsort(-exposed[tests])][:40]

# %%
# The forty most exposed of them are attacked one by one. Each flip is confirmed by a fit of the
# estimator to the changed table.
found = attack.run_each(explainer, X_test[tests])
flipped = np.array([result.confirmed[0] for result in found])
print(f"{flipped.sum()} of {len(tests)} flip by one changed training image")
for k in (2, 10):
    more = TrainingSetAttack(k, max_change=2, unit=1.0, bounds=(0, 16), integer=True)
    confirmed = [result.confirmed[0] for result in more.run_each(explainer, X_test[tests])]
    print(f"{sum(confirmed)} by {k} changed training images")

# %%
# One of these attacks: the training image before and after, and its change.
first = found[int(np.argmax(flipped))]
print(first)
AttackDisplay(first, image_shape=(8, 8)).plot()

# %%
# Several test images can be attacked at once through one training image.
together = attack.run(explainer, X_test[tests[:10]])
print(together)

# %%
# The order by vulnerability, and which predictions flipped.
import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(6.5, 3.5), layout="constrained")
place = np.arange(len(tests))
for own, color, marker, label in (
    (flipped, "#D55E00", "o", "flips"),
    (~flipped, "#8c8c8c", "x", "stays"),
):
    ax.plot(place[own], exposed[tests][own], marker, color=color, label=label)
ax.set(yscale="log", xlabel="test image, the most exposed first", ylabel="vulnerability")
ax.legend(title="prediction")
plt.show()

# %%
# The fifteen most exposed predictions all flip, of the other twenty-five less than half:
# vulnerability tells where to look before anybody attacks.
