/* What happens on the page: choices, decisions, keys. */
/* The rows whose decisions are counted: those that are flagged, or all if none is. */
function countedRows() {
  const flagged = data.rows.filter((row) => row.flagged);
  return flagged.length ? [flagged, "flagged rows"] : [data.rows, "rows"];
}

/* Actions one after the other, each when the one before is saved. */
let last = Promise.resolve();
function enqueue(action) {
  last = last.then(action).catch((error) => say(`Not saved: ${error.message}`));
  return last;
}

function say(text) {
  element("status").textContent = text;
}

function drawProgress() {
  const [counted, countedWords] = countedRows();
  const done = counted.filter((row) => store.isDecided(row.id)).length;
  element("progress").max = Math.max(counted.length, 1);
  element("progress").value = done;
  element("progress-words").textContent = `${done} of ${counted.length} ${countedWords} decided`;
  const finished = counted.length > 0 && done === counted.length;
  element("finished").hidden = !finished;
  if (finished) drawFinished(counted.length, countedWords);
  const problem = store.kept ? store.problem : store.lost;
  element("storage").hidden = !problem;
  element("storage").textContent = problem;
}

function drawFinished(n, countedWords) {
  const counts = {};
  for (const row of decidedRows()) {
    const { decision } = store.get(row.id);
    counts[decision] = (counts[decision] ?? 0) + 1;
  }
  const words = { keep: "kept", relabel: "changed", drop: "dropped", unsure: "unsure" };
  const parts = Object.keys(words).filter((name) => counts[name]);
  element("finished").textContent =
    `All ${n} ${countedWords} are decided. Decisions: ` +
    `${parts.map((name) => `${counts[name]} ${words[name]}`).join(", ")}. ` +
    (data.server ? "They are saved" : "Export them as CSV") +
    "; the command “skinfluence apply” makes the clean table from them.";
}

function draw({ stay = false } = {}) {
  drawList(stay);
  drawDetail();
  drawProgress();
}

function select(id, { focus = false } = {}) {
  if (id === null) return;
  list.current = id;
  markCurrent();
  drawDetail();
  if (focus) lineOf(id)?.querySelector("button").focus();
}

/* The next undecided row of the list as it was, from the one after `id` on; `id` if there is none. */
function nextOpen(id, shown) {
  const place = shown.findIndex((row) => row.id === id);
  const after = [...shown.slice(place + 1), ...shown.slice(0, Math.max(place, 0))];
  return after.find((row) => !store.isDecided(row.id))?.id ?? id;
}

/* Not what only JavaScript reads as a number, such as 0x10. */
const DECIMAL = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;

async function decide(name) {
  const row = rowsById.get(list.current);
  if (!row) return;
  let label = name === "suggested" ? row.suggested : "";
  if (name === "other") label = isValues ? other.value.trim() : other.value;
  if (name === "other" && isValues && !(DECIMAL.test(label) && Number.isFinite(Number(label)))) {
    say(`“${label}” is no number. Write the right value of row ${row.name}.`);
    other.focus();
    return;
  }
  let decision = ["suggested", "other"].includes(name) ? "relabel" : name;
  if (decision === "relabel" && label === row.given) decision = "keep";
  await store.note(row.id, element("note").value.trim());
  await store.decide(row.id, decision, decision === "relabel" ? label : "");
  const words = decisionText(row);
  list.current = nextOpen(row.id, list.shown);
  draw();
  const then = list.current === null || list.current === row.id ? "" : ` Now row ${rowsById.get(list.current).name}.`;
  say(`Row ${row.name}: ${words}.${then}`);
}

async function undo() {
  const id = await store.undo();
  if (id === null) return say("Nothing to undo.");
  list.current = id;
  draw();
  if (list.current !== id && rowsById.has(id)) {
    element("filter").value = "all";
    element("search").value = "";
    list.current = id;
    draw();
  }
  say(`Row ${rowsById.get(id)?.name ?? id}: the decision is taken back.`);
}

const KEYS = {
  k: () => decide("keep"),
  s: () => decide("suggested"),
  l: () => other.focus(),
  d: () => decide("drop"),
  u: () => decide("unsure"),
  z: undo,
  n: () => select(neighbor(1)),
  p: () => select(neighbor(-1)),
  e: () => element("note").focus(),
  "/": () => element("search").focus(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const field = event.target.closest("input, select, textarea");
  const typing = field && field.type !== "checkbox";
  if (typing && event.key === "Escape") return element("detail-title").focus();
  if (typing || !element("shortcuts").checked) return;
  const act = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act) return;
  event.preventDefault();
  enqueue(act);
});

list.body.addEventListener("keydown", (event) => {
  const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 };
  const ends = { Home: 0, End: -1 };
  if (!(event.key in steps || event.key in ends)) return;
  event.preventDefault();
  enqueue(() => {
    const end = list.shown.at(ends[event.key])?.id ?? null;
    select(event.key in steps ? neighbor(steps[event.key]) : end, { focus: true });
  });
});

list.body.addEventListener("click", (event) => {
  const line = event.target.closest("tr");
  if (line) enqueue(() => select(Number(line.dataset.id)));
});

element("decisions").addEventListener("click", (event) => {
  const button = event.target.closest("[data-decision]");
  if (button) enqueue(() => decide(button.dataset.decision));
});
other.addEventListener("keydown", (event) => {
  if (event.key === "Enter")
    enqueue(() => decide("other")).then(() => element("detail-title").focus());
});
element("note").addEventListener("change", () => {
  const [id, text] = [list.current, element("note").value.trim()];
  if (id !== null) enqueue(() => store.note(id, text));
});
element("undo").addEventListener("click", () => enqueue(undo));
element("export-csv").addEventListener("click", () =>
  download("decisions.csv", "text/csv;charset=utf-8", asCsv()),
);
element("export-json").addEventListener("click", () =>
  download("decisions.json", "application/json", asJson()),
);
for (const id of ["filter", "sort", "search"])
  element(id).addEventListener("input", () =>
    enqueue(() => {
      draw();
      say(`${list.shown.length} rows are shown.`);
    }),
  );
addEventListener("storage", (event) => {
  if (event.key !== store.name) return;
  store.load();
  draw({ stay: true });
});

store.load();
if (!data.rows.some((row) => row.flagged)) element("filter").value = "all";
draw();
