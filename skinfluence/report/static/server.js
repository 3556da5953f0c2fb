/* Under `skinfluence review --serve` the server keeps the decisions, for all tabs. */
async function ask(path, body) {
  const headers = { "X-Token": data.server.token };
  if (body) headers["Content-Type"] = "application/json";
  const method = body ? "POST" : "GET";
  const text = body && JSON.stringify(body);
  const response = await fetch(path, { method, headers, body: text, cache: "no-store" });
  if (!response.ok) throw new Error(await response.text());
  return response.json();
}

const kept = {
  lost: "The server is not reached: decisions are not saved. Start it again with the same file.",

  load() {},
  save() {},

  /* Decisions of all tabs, the last at the end; notes of undecided rows stay in this tab. */
  take(state) {
    const drafts = Object.entries(this.decisions).filter(([, one]) => !one.decision);
    this.decisions = Object.fromEntries(drafts);
    for (const one of state.decisions) this.decisions[one.row] = one;
    this.log = state.decisions.map((one) => ({ id: one.row, before: null }));
    this.problem = state.problem;
    data.server.version = state.version;
  },

  async change(id, after) {
    if (!after.decision) return this.set(id, after);
    this.take(await ask("/decide", { row: id, ...after }));
  },

  async undo() {
    const last = this.log.at(-1);
    if (!last) return null;
    const { note } = this.get(last.id);
    this.take(await ask("/decide", { row: last.id, decision: "undo", label: "", note: "" }));
    if (note) this.set(last.id, { decision: "", label: "", note });
    return last.id;
  },
};

/* Take over what other tabs decided, and the rows as ranked after a refit. */
async function synchronize() {
  const state = await ask("/state");
  const { version, rank } = data.server;
  if (state.version !== version) store.take(state);
  const changed = state.version !== version || state.rank !== rank || state.problem !== store.problem;
  store.problem = state.problem;
  if (state.rank !== rank) {
    const [found, current] = [await ask("/rows"), rowsById.get(list.current)];
    data.rows = found.rows;
    if (current && !data.rows.some((row) => row.id === current.id)) data.rows.push(current);
    data.pictures = found.pictures;
    data.server.rank = found.rank;
    prepareRows();
    // the server's own markup, in which values of the data are escaped
    for (const [id, part] of Object.entries(found.parts)) element(id).innerHTML = part;
    say(`Refitted with ${found.used} decisions: the rows are ranked anew.`);
  }
  return changed || !store.kept;
}

function poll() {
  enqueue(async () => {
    try {
      const changed = await synchronize();
      store.kept = true;
      if (changed) draw({ stay: true });
    } catch {
      store.kept = false;
      drawProgress();
    }
  }).finally(() => setTimeout(poll, 1000));
}

if (data.server) {
  Object.assign(store, kept);
  store.take(data.server);
  setTimeout(poll, 1000);
}
