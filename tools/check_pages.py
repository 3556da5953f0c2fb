"""Check the built documentation in a headless browser: ``python tools/check_pages.py FOLDER``.

Every page is opened at 1300 and 390 pixels, light and dark. A page fails that is wider than its
window, cuts something off that cannot be scrolled, shows an empty side column, a figure that did
not load, or violates a rule of axe-core. Needs ``playwright``, ``axe-playwright-python`` and a
Chromium (``--browser``). ``--shots FOLDER`` keeps a picture of each page in each of the four forms.
"""

import argparse
import os
import shutil
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import axe_playwright_python
from playwright.sync_api import sync_playwright

AXE = Path(axe_playwright_python.__file__).parent / "axe.min.js"
#: Narrow first: the theme makes what scrolls there reachable by keyboard when the page loads.
WIDTHS = (390, 1300)
#: Rules of axe-core by width and theme: all where the page is wide and light, elsewhere only those
#: that depend on colours or on the width.
RULES = {
    (390, "light"): ["scrollable-region-focusable", "target-size", "aria-hidden-focus"],
    (1300, "light"): None,
    (1300, "dark"): ["color-contrast", "link-in-text-block"],
}

LAYOUT = """() => {
  const found = [], width = document.documentElement.clientWidth;
  const name = e => e.tagName.toLowerCase() + (e.className ? "." + e.className : "");
  if (document.documentElement.scrollWidth > width)
    found.push(`page is ${document.documentElement.scrollWidth} pixels wide`);
  const scrolls = e => {
    for (let p = e; p; p = p.parentElement)
      if (["auto", "scroll"].includes(getComputedStyle(p).overflowX)) return true;
    return false;
  };
  for (const e of document.querySelectorAll(
      ".bd-article :is(table, pre, img, svg, math, p, dt, dd, li, h1, h2, h3)")) {
    const box = e.getBoundingClientRect();
    if (box.width && box.right > width + 1 && !scrolls(e.parentElement) && !scrolls(e))
      found.push(`${name(e)} ends at ${Math.round(box.right)}: ${e.textContent.slice(0, 40)}`);
  }
  for (const e of document.querySelectorAll("img"))
    if (e.complete && !e.naturalWidth) found.push(`figure did not load: ${e.src}`);
  for (const e of document.querySelectorAll(".bd-sidebar-primary, .bd-sidebar-secondary")) {
    const box = e.getBoundingClientRect();
    if (e.checkVisibility({visibilityProperty: true}) && box.width > 20 && box.right > 0
        && box.left < width && !e.innerText.trim()) found.push(`empty side column: ${name(e)}`);
  }
  return found;
}"""

#: Marks the text whose contrast is measured, by far the slowest rule: of each look (class, colour,
#: font, and the backgrounds and opacities that it stands on) four elements all over the page.
MARK_LOOKS = """() => {
  const looks = {}, grounds = new Map([[null, ""]]);
  for (const e of document.querySelectorAll("*")) {
    const s = getComputedStyle(e), ground = [s.backgroundColor, s.backgroundImage, s.opacity];
    const plain = ground.join() === "rgba(0, 0, 0, 0),none,1";
    grounds.set(e, grounds.get(e.parentElement) + (plain ? "" : ground.join()));
    e.toggleAttribute("data-look", e.matches("input, select, textarea"));
    if ([...e.childNodes].some(n => n.nodeType === Node.TEXT_NODE && n.data.trim())
        && e.checkVisibility({visibilityProperty: true}))
      (looks[[e.className, e.parentElement?.className, s.color, s.fontSize, s.fontWeight,
        s.textShadow, grounds.get(e)].join()] ||= []).push(e);
  }
  for (const alike of Object.values(looks))
    for (const share of [0, 1/3, 2/3, 1])
      alike[Math.floor(share * (alike.length - 1))].setAttribute("data-look", "");
}"""

#: Its style sheets are files, which it may not load: preloading them would only take time.
RUN_AXE = """async rules => {
  const options = {resultTypes: ["violations"], preload: false};
  if (rules) options.runOnly = {type: "rule", values: rules};
  axe.configure({rules: [{id: "color-contrast", selector: "[data-look]"}]});
  const found = await axe.run(document, options);
  return found.violations.flatMap(v => v.nodes.map(
    n => `${v.id}: ${n.target.join(" ")} ${n.any.concat(n.all, n.none).map(c => c.message)[0]}`));
}"""


def check_page(page, path, shots, dark=True):
    """What is wrong with one page, as lines of text; in dark colours too or not."""
    found = []
    page.set_viewport_size({"width": WIDTHS[0], "height": 900})
    page.goto(path.as_uri())
    page.add_style_tag(content="* {transition: none !important}")  # the side column slides in
    page.evaluate(AXE.read_text("utf-8"))
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        found += [f"{width} px: {line}" for line in page.evaluate(LAYOUT)]
        for theme in ("light", "dark"):
            ruled = (width, theme) in RULES and (dark or theme == "light")
            if not (ruled or shots):
                continue
            page.evaluate("name => document.documentElement.dataset.theme = name", theme)
            if ruled:
                if width == WIDTHS[1]:
                    page.evaluate(MARK_LOOKS)
                lines = page.evaluate(RUN_AXE, RULES[width, theme])
                found += [f"{width} px, {theme}: {line}" for line in lines]
            if shots:
                name = f"{path.parent.name}_{path.stem}_{width}_{theme}.png"
                page.screenshot(path=Path(shots) / name, full_page=True)
    return found


def check_pages(paths, browser, shots, dark_one_in):
    """{path: what is wrong} of the pages of one browser process."""
    found = {}
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_context(reduced_motion="reduce").new_page()
        page.on("pageerror", lambda error: found[path].append(f"script: {error}"))
        for i, path in enumerate(paths):
            found[path] = []
            found[path] += check_page(page, path, shots, i % dark_one_in == 0)
        chromium.close()
    return found


def _pages(folder, one_in, turn):
    """All pages but the theme's own; of folders of pages that are alike one in so many.

    Which ones changes with `turn`: in so many turns all of them are checked.
    """
    paths = [p for p in sorted(folder.rglob("*.html")) if p.parent.name != "_static"]
    alike = {name: [p for p in paths if p.parent.name == name] for name in one_in}
    others = [p for p in paths if p.parent.name not in one_in]
    return sum((alike[name][turn % share :: share] for name, share in one_in.items()), others)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="of the built pages")
    parser.add_argument("pages", nargs="*", help="names like index.html; all by default")
    parser.add_argument("--browser", default=shutil.which("chromium"), help="path of a Chromium")
    parser.add_argument(
        "--one-in",
        type=int,
        default=1,
        metavar="N",
        help="of the pages under generated/ (the API), all alike",
    )
    parser.add_argument(
        "--gallery-one-in",
        type=int,
        default=1,
        metavar="N",
        help="of the pages under auto_examples/ and benchmark_tables/",
    )
    parser.add_argument(
        "--dark-one-in",
        type=int,
        default=1,
        metavar="N",
        help="pages whose dark colours are checked, which are those of the theme",
    )
    parser.add_argument(
        "--turn",
        type=int,
        default=0,
        metavar="N",
        help="which pages one in so many are: in N others than in N + 1",
    )
    parser.add_argument("--shots", type=Path, help="folder for pictures")
    arguments = parser.parse_args()
    if arguments.browser is None:
        sys.exit("No chromium on the PATH: install it, or name one with --browser.")
    folder = arguments.folder.resolve()
    gallery = dict.fromkeys(("auto_examples", "benchmark_tables"), arguments.gallery_one_in)
    one_in = {"generated": arguments.one_in, **gallery}
    paths = [folder / name for name in arguments.pages] or _pages(folder, one_in, arguments.turn)
    if not paths:
        sys.exit(f"No pages in {folder}: build the documentation first.")
    if arguments.shots:
        arguments.shots.mkdir(parents=True, exist_ok=True)
    n_jobs = min(os.cpu_count() or 1, len(paths))
    parts = [paths[i::n_jobs] for i in range(n_jobs)]
    wrong = {}
    with ProcessPoolExecutor(n_jobs) as pool:
        settings = arguments.browser, arguments.shots, arguments.dark_one_in
        jobs = [pool.submit(check_pages, part, *settings) for part in parts]
        for job in jobs:
            wrong |= {path: lines for path, lines in job.result().items() if lines}
    for path, lines in sorted(wrong.items()):
        print(path.relative_to(folder), *lines, sep="\n    ")
    print(f"{len(paths)} pages, {len(wrong)} with faults")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
