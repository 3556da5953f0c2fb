/* The list of rows: which are shown, in which order. */
const WORDS = { keep: "keep", drop: "drop", unsure: "unsure" };
const collator = new Intl.Collator(undefined, { numeric: true });
const list = { body: element("rows").tBodies[0], shown: [], current: null };

/* Rows in the order of suspicion, with the text that a search looks at. */
function prepareRows() {
  rowsById.clear();
  data.rows.forEach((row, rank) => {
    rowsById.set(row.id, row);
    const texts = [row.name, row.given, row.suggested, ...(row.lines[0].values ?? [])];
    Object.assign(row, { rank, text: texts.join("\n").toLocaleLowerCase() });
  });
}
prepareRows();

function percent(share) {
  if (share < 0.01) return "<1%";
  if (share > 0.99) return ">99%";
  return `${Math.round(100 * share)}%`;
}

function decisionText(row) {
  const found = store.get(row.id);
  if (!found?.decision) return "";
  return WORDS[found.decision] ?? `→\u00a0${shownLabel(found.label)}`;
}

function fits(row, wanted) {
  if (wanted === "all") return true;
  if (wanted === "flagged") return row.flagged;
  if (wanted === "open") return !store.isDecided(row.id);
  if (wanted === "decided") return store.isDecided(row.id);
  return store.get(row.id)?.decision === wanted;
}

function chosenRows() {
  const wanted = element("filter").value;
  const sought = element("search").value.trim().toLocaleLowerCase();
  const by = element("sort").value;
  const numeric = by === "rank" || by === "quality";
  const order = numeric
    ? (a, b) => a[by] - b[by] || a.rank - b.rank
    : (a, b) => collator.compare(a[by], b[by]) || a.rank - b.rank;
  return data.rows.filter((row) => fits(row, wanted) && row.text.includes(sought)).sort(order);
}

function cell(tag, text, kind) {
  const made = document.createElement(tag);
  if (kind) made.className = kind;
  const inner = document.createElement("bdi");
  inner.textContent = text;
  made.append(inner);
  return made;
}

function listLine(row) {
  const line = document.createElement("tr");
  line.dataset.id = row.id;
  const head = document.createElement("th");
  head.scope = "row";
  const button = cell("button", row.name);
  button.type = "button";
  button.tabIndex = -1;
  head.append(button);
  line.append(
    head,
    cell("td", shownLabel(row.given)),
    cell("td", shownLabel(row.suggested)),
    cell("td", percent(row.quality), "n"),
    cell("td", decisionText(row)),
  );
  return line;
}

function lineOf(id) {
  return list.body.querySelector(`tr[data-id="${id}"]`);
}

/* Draw the list anew. The current row stays where it can; with `stay` also where it fits no longer,
   so that no key acts on a row that nobody has seen. */
function drawList(stay) {
  const inList = list.body.contains(document.activeElement);
  list.shown = chosenRows();
  list.body.replaceChildren(...list.shown.map(listLine));
  element("empty").hidden = list.shown.length > 0;
  element("rows").hidden = list.shown.length === 0;
  const stays = list.shown.some((row) => row.id === list.current);
  if (!stays && !(stay && rowsById.has(list.current))) list.current = list.shown[0]?.id ?? null;
  markCurrent();
  if (inList) lineOf(list.current)?.querySelector("button").focus();
}

function markCurrent() {
  for (const old of list.body.querySelectorAll("[aria-current]")) {
    old.removeAttribute("aria-current");
    old.querySelector("button").tabIndex = -1;
  }
  const line = list.current === null ? null : lineOf(list.current);
  if (!line) return;
  line.setAttribute("aria-current", "true");
  line.querySelector("button").tabIndex = 0;
  const box = list.body.closest(".list");
  const top = line.offsetTop - box.querySelector("thead").offsetHeight;
  if (top < box.scrollTop) box.scrollTop = top;
  const bottom = line.offsetTop + line.offsetHeight;
  if (bottom > box.scrollTop + box.clientHeight) box.scrollTop = bottom - box.clientHeight;
}

/* The row so many places further in the list, or null. */
function neighbor(step) {
  const place = list.shown.findIndex((row) => row.id === list.current);
  return list.shown[place + step]?.id ?? null;
}
