// A stage as a table of numbers: a row for each token, a column for each channel, key or symbol. All in pixels.
const ROOMY = 50; // that a number takes
const LABEL = 72; // that the names of the rows take
const WIDEST = 28; // of a cell without a number
const NARROWEST = 6; // ... of a channel
const LEGIBLE = 16; // lower rows have no room for each name
const SHORT_LABEL = 46; // ... and a smaller one
const MANY_CELLS = 20000; // of more the first columns are shown

function nameOfColumn(stage, column) {
  if (isOfKeys(stage)) return data.tokens[column];
  return stage.symbols ? stage.symbols[column] : `${column}`;
}

const columnsShown = (stage) => Math.min(stage.width, Math.ceil(MANY_CELLS / stage.rows.length));

// How large a cell is, and whether a number stands in it.
function layOutGrid(stage, room) {
  const columns = columnsShown(stage);
  const rows = stage.rows.length;
  if (columns * ROOMY + LABEL <= room && rows <= 24) return { columns, cell: ROOMY, numbered: true, dense: false };
  const low = isOfKeys(stage) ? innerHeight * 0.75 / rows : WIDEST; // a square map is no higher than the window
  const dense = isOfKeys(stage) && Math.min(low, (room - LABEL) / columns) < LEGIBLE;
  const fit = Math.floor(Math.min(low, (room - (dense ? SHORT_LABEL : LABEL)) / columns));
  return { columns, cell: clamp(fit, NARROWEST, WIDEST), numbered: false, dense };
}

// `title` says what is shown, `unitsOfCell(row, column)` its numbers.
function gridOf(stage, title, full, unitsOfCell, room) {
  const look = layOutGrid(stage, room);
  const kinds = ["grid", look.numbered && "numbered", look.dense && "dense", isOfKeys(stage) && "square"];
  const table = make("table", { className: kinds.filter(Boolean).join(" ") });
  table.setAttribute("role", "grid");
  table.setAttribute("aria-label", title);
  table.style.setProperty("--cell", `${look.cell}px`);
  table.append(make("thead", {}, ...headsOfHeads(stage, look), headsOfColumns(stage, look)),
    make("tbody", {}, ...stage.rows.map((token, row) => lineOf(token, look, full, (column) => unitsOfCell(row, column)))));
  table.addEventListener("click", (event) => chooseAt(event.target));
  table.addEventListener("focusin", (event) => chooseAt(event.target));
  rove(table, [...table.tBodies[0].rows].map((line) => [...line.querySelectorAll("td")]));
  return make("figure", {}, make("figcaption", { className: "note", textContent: title }),
    make("div", { className: "scroll" }, table));
}

// Where heads stand side by side, which columns are whose.
function headsOfHeads(stage, { cell, columns }) {
  if (stage.rule !== "joined" || columns < stage.width) return [];
  const source = sourcesOf(stage)[0];
  const width = stage.width / source.units.length;
  return [make("tr", {}, make("td", {}), ...source.heads.map((number) => make("th", { colSpan: width,
    className: "of-head", textContent: width * cell < 60 ? number : say("head {number}", { number }) })))];
}

const STEPS = [1, 2, 5, 10, 20, 50, 100]; // of names, where there is no room for each

function headsOfColumns(stage, { columns, cell }) {
  const every = STEPS.find((step) => step * cell >= 24);
  const isNamed = isOfKeys(stage) || stage.symbols;
  const line = make("tr", {}, make("td", {}));
  for (let column = 0; column < columns; column++) {
    const hasRoom = isNamed ? cell >= 18 : column % every === 0;
    const head = make("th", { scope: "col" }, tokenOf(nameOfColumn(stage, column), hasRoom ? "" : "unseen"));
    if (isOfKeys(stage)) head.style.setProperty("--own", colourOf(column));
    line.append(head);
  }
  return line;
}

function lineOf(token, { columns, cell, numbered, dense }, full, unitsOfCell) {
  const name = chip(token);
  name.classList.toggle("unseen", dense && token % STEPS.find((step) => step * cell >= LEGIBLE) !== 0);
  const line = make("tr", {}, make("th", { scope: "row" }, name));
  line.dataset.token = token;
  for (let column = 0; column < columns; column++) line.append(cellFor(unitsOfCell(column), column, full, numbered));
  return line;
}

function cellFor(units, column, full, numbered) {
  const cell = make("td", { tabIndex: -1, textContent: textOf(units) });
  cell.setAttribute("role", "gridcell");
  cell.dataset.column = column;
  const colour = shadeOfUnits(units, full);
  cell.style.background = `rgb(${colour.join(" ")})`;
  if (numbered) cell.style.color = inkOn(colour);
  return cell;
}

function chooseAt(target) {
  const line = target.closest("tr[data-token]");
  if (!line) return;
  const cell = target.closest("td");
  choose(Number(line.dataset.token), cell ? Number(cell.dataset.column) : columnOf(stageHere()));
}

function markCells() {
  for (const table of $("shown").querySelectorAll("table.grid")) {
    for (const marked of table.querySelectorAll(".now")) marked.classList.remove("now");
    const line = table.querySelector(`tr[data-token="${state.token}"]`);
    if (!line) continue;
    line.classList.add("now");
    const column = columnOf(stageHere());
    const cell = line.querySelector(`[data-column="${column}"]`);
    cell?.classList.add("now");
    table.tHead.rows[table.tHead.rows.length - 1].children[column + 1]?.classList.add("now");
    if (cell && !table.contains(document.activeElement)) {
      stopAt(table.querySelectorAll('[tabindex="0"]'), null);
      cell.tabIndex = 0;
    }
  }
}
