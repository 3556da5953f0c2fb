/* Decisions as files. */
function decidedRows() {
  return data.rows.filter((row) => store.isDecided(row.id));
}

function download(name, type, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function asRecord(row) {
  const { decision, label, note, time } = store.get(row.id);
  return { row: row.id, given: row.given, decision, label, score: row.score, note, time };
}

const NUMBER = /^[-+]?[\d.,]*\d[\d.,]*(?:[eE][-+]?\d+)?%?$/;
const NAMES = ["row", "given", "decision", "label", "score", "note", "time"];

/* What a spreadsheet would run has an apostrophe before it, which `skinfluence apply` takes away. */
function guard(text) {
  const bare = text.replace(/^'+/, "");
  return bare.length > 1 && /^[=+\-@\t\r]/.test(bare) && !NUMBER.test(bare) ? `'${text}` : text;
}

/* Line breaks become spaces: a decision is one line. */
function oneLine(text) {
  return text.split(/\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/).join(" ");
}

function csvCell(value) {
  const text = guard(oneLine(String(value)));
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function asCsv() {
  const head = Object.entries(data.key).map(([name, value]) => `# ${name}: ${oneLine(String(value))}`);
  const lines = decidedRows().map((row) => Object.values(asRecord(row)).map(csvCell).join(","));
  return ["# skinfluence decisions 1", ...head, NAMES.join(","), ...lines, ""].join("\n");
}

function asJson() {
  const decisions = decidedRows().map(asRecord);
  const content = { format: "skinfluence decisions", version: 1, ...data.key, decisions };
  return `${JSON.stringify(content, null, 1)}\n`;
}
