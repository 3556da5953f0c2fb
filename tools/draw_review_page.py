"""Draw the picture of the review page in the documentation: ``python tools/draw_review_page.py``.

Needs ``playwright`` and a Chromium on the PATH. Writes ``docs/_static/review_page.png``.
"""

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright
from sklearn.datasets import load_iris

from skinfluence import LabelFlagger
from skinfluence.datasets import flip_labels
from skinfluence.report import audit_report

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "_static" / "review_page.png"


def main():
    iris = load_iris(as_frame=True)
    y, _ = flip_labels(iris.target_names[iris.target], 0.1, random_state=0)
    flagger = LabelFlagger(representation="linear", random_state=0).fit(iris.data, y)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        path = Path(folder) / "audit.html"
        audit_report(flagger).write_html(path)
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": 1180, "height": 900})
        page.goto(path.as_uri())
        for key in "ssks":
            page.keyboard.press(key)
        page.locator("#review").screenshot(path=PICTURE)
        browser.close()


if __name__ == "__main__":
    main()
