"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const rowsById = new Map(data.rows.map((row) => [row.id, row]));
const shownLabels = new Map(data.labels.map((label, i) => [label, data.shown[i]]));
const element = (id) => document.getElementById(id);
const shownLabel = (label) => shownLabels.get(label) ?? label;

/* Decisions by row: {decision, label, note, time}. `log` has what undo brings back. Each change reads
   the storage first, so that two tabs do not undo each other's work. */
const store = {
  name: `skinfluence:${data.key.sha256}:${data.report}`,
  decisions: {},
  log: [],
  kept: true,
  problem: "",
  lost: "This browser keeps no decisions for this page: export them before you close it.",

  load() {
    try {
      const found = JSON.parse(localStorage.getItem(this.name) ?? "{}");
      const known = Object.entries(found.decisions ?? {}).filter(([id]) => rowsById.has(+id));
      this.decisions = Object.fromEntries(known);
      this.log = (found.log ?? []).filter((entry) => rowsById.has(entry.id));
    } catch {
      this.kept = false;
    }
  },

  save() {
    try {
      const text = JSON.stringify({ decisions: this.decisions, log: this.log });
      localStorage.setItem(this.name, text);
    } catch {
      this.kept = false;
    }
  },

  get(id) {
    return this.decisions[id] ?? null;
  },

  isDecided(id) {
    return Boolean(this.get(id)?.decision);
  },

  async decide(id, decision, label) {
    const before = this.get(id);
    if (before?.decision === decision && before.label === (label ?? "")) return;
    const change = { decision, label: label ?? "", note: before?.note ?? "" };
    await this.change(id, { ...change, time: new Date().toISOString() }, true);
  },

  async note(id, note) {
    const before = this.get(id) ?? { decision: "", label: "" };
    if ((before.note ?? "") === note) return;
    await this.change(id, { ...before, note, time: new Date().toISOString() }, false);
  },

  async change(id, after, logged) {
    if (this.kept) this.load();
    if (logged) this.log.push({ id, before: this.get(id) });
    this.set(id, after);
    this.save();
  },

  /* The row whose decision was taken back, or null. */
  async undo() {
    if (this.kept) this.load();
    const last = this.log.pop();
    if (!last) return null;
    const note = this.get(last.id)?.note ?? "";
    const before = last.before ?? (note ? { decision: "", label: "" } : null);
    this.set(last.id, before && { ...before, note });
    this.save();
    return last.id;
  },

  set(id, decision) {
    if (decision) this.decisions[id] = decision;
    else delete this.decisions[id];
  },
};
