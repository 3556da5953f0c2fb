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
  return {
    row: row.key ?? row.name,
    given_label: row.given,
    decision,
    new_label: label,
    score: row.score,
    note,
    time,
  };
}

/* A cell that spreadsheets do not take for a formula, in quotes where it needs them. */
function csvCell(value) {
  let text = String(value);
  if (/^[=+\-@\t\r']/.test(text) && !Number.isFinite(Number(text))) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function asCsv() {
  const names = ["row", "given_label", "decision", "new_label", "score", "note", "time"];
  const head = Object.entries(data.header).map(([name, value]) => `# ${name}: ${value}`);
  const lines = decidedRows().map((row) => Object.values(asRecord(row)).map(csvCell).join(","));
  return [...head, names.join(","), ...lines, ""].join("\r\n");
}

function asJson() {
  const decisions = decidedRows().map(asRecord);
  return JSON.stringify({ ...data.header, report: data.report, decisions }, null, 1) + "\n";
}
