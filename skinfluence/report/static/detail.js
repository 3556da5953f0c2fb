/* The current row next to training rows, and its decision. */
const SIDES = { self: "this row", opposes: "opposes", supports: "supports" };
const isValues = data.kind === "values";
const other = makeOther();
let drawn = ""; // the decision that the fields show

/* The field for another label: a list of the classes, or a number. */
function makeOther() {
  const field = document.createElement(isValues ? "input" : "select");
  field.id = "other";
  if (isValues) {
    field.type = "text";
    field.inputMode = "decimal";
    field.autocomplete = "off";
    element("other-place").previousElementSibling.textContent = "Another value";
  } else {
    for (const label of data.labels) field.append(new Option(shownLabel(label), label));
  }
  element("other-place").append(field);
  return field;
}

function decisionButton(name) {
  return element("decisions").querySelector(`[data-decision="${name}"]`);
}

function namedButton(name, words, label) {
  const inner = document.createElement("bdi");
  inner.textContent = shownLabel(label);
  decisionButton(name).replaceChildren(`${words} `, inner);
}

function detailWords(row) {
  const what = isValues ? "value" : "label";
  const words = [`The given ${what} is right with probability ${percent(row.quality)}.`];
  const shares = Object.entries(row.proba ?? {}).map(
    ([label, share]) => `${shownLabel(label)} ${percent(share)}`,
  );
  if (shares.length) words.push(`Without the row the model gives ${shares.join(", ")}.`);
  return words.join(" ");
}

function drawDetail() {
  const row = rowsById.get(list.current);
  element("detail").hidden = !row;
  if (!row) return;
  const title = element("detail-title");
  title.replaceChildren(
    "Row ",
    cell("span", row.name),
    ": given ",
    cell("span", shownLabel(row.given)),
    ", suggested ",
    cell("span", shownLabel(row.suggested)),
  );
  element("detail-words").textContent = detailWords(row);
  namedButton("keep", "Keep", row.given);
  namedButton("suggested", "Change to", row.suggested);
  decisionButton("suggested").hidden = row.suggested === row.given;
  drawDecision(row);
  drawCompare(row);
}

function drawDecision(row) {
  const { decision, label, note } = store.get(row.id) ?? {};
  const pressed = {
    keep: decision === "keep",
    suggested: decision === "relabel" && label === row.suggested,
    other: decision === "relabel" && label !== row.suggested,
    drop: decision === "drop",
    unsure: decision === "unsure",
  };
  for (const [name, is] of Object.entries(pressed)) decisionButton(name).ariaPressed = String(is);
  element("undo").disabled = store.log.length === 0;
  const now = JSON.stringify([row.id, decision, label, note]);
  if (now === drawn) return; // what is being chosen and typed stays
  drawn = now;
  other.value = pressed.other ? label : row.suggested;
  if (document.activeElement !== element("note")) element("note").value = note ?? "";
}

/* One line for the row and for each training row; the columns are those that set the row apart. */
function drawCompare(row) {
  const withInfluence = row.lines.some((line) => "influence" in line);
  const withImage = row.lines.some((line) => "picture" in line);
  const names = [...(withImage ? ["image"] : []), ...row.columns];
  const heads = ["", "row", ...(withInfluence ? ["influence"] : []), isValues ? "value" : "label"];
  const head = document.createElement("tr");
  for (const name of [...heads, ...names]) {
    const made = cell(name ? "th" : "td", name);
    if (name) made.scope = "col";
    head.append(made);
  }
  const bodies = Object.keys(SIDES).map((side) => {
    const body = document.createElement("tbody");
    for (const line of row.lines.filter((one) => one.side === side))
      body.append(compareLine(line, withInfluence, withImage));
    return body;
  });
  const thead = document.createElement("thead");
  thead.append(head);
  element("compare").replaceChildren(thead, ...bodies.filter((body) => body.rows.length));
  element("compare-words").textContent = withInfluence
    ? "Influence: how much the loss at the given label would rise without the training row. " +
      "Negative: the training row opposes the label."
    : "";
}

function compareLine(line, withInfluence, withImage) {
  const made = document.createElement("tr");
  const side = cell("th", SIDES[line.side], line.side);
  side.scope = "row";
  made.append(side, cell("td", line.name));
  if (withInfluence) made.append(cell("td", signed(line.influence), "n"));
  made.append(cell("td", line.label));
  if (withImage) made.append(imageCell(line));
  for (const text of line.values) made.append(cell("td", text, "value"));
  return made;
}

function imageCell(line) {
  const { image, alt, missing } = data.pictures[line.picture];
  if (!image) return cell("td", missing, "value");
  const picture = document.createElement("img");
  picture.src = image;
  picture.alt = alt ? `${alt} of row ${line.name}` : `row ${line.name}`;
  picture.className = alt ? "photo" : "pixels";
  const holder = document.createElement("td");
  holder.append(picture);
  return holder;
}

function signed(number) {
  if (number === undefined) return "";
  const text = Math.abs(number).toPrecision(3);
  return (number < 0 ? "−" : "+") + (text.includes("e") ? text : String(Number(text)));
}
