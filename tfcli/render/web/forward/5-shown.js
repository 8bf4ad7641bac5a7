// What a stage shows: its tables, their colours, and its heads to choose from.
const BETWEEN = 16; // pixels between tables

function showGrids() {
  const stage = stageHere();
  $("shown").className = "";
  if (!stage) return $("shown").replaceChildren(...(here().name === "tokens" ? tokensShown() : answerShown()));
  const tables = tablesOf(stage, headOf(stage));
  const full = tables.length > 1 ? Math.max(fullOf(stage), fullOf(sourcesOf(stage)[2])) : fullOf(stage);
  const room = roomFor(stage, tables.length);
  const parts = tables.map(([title, unitsOfCell]) => gridOf(stage, title, full, unitsOfCell, room));
  if (data.picture && isOfKeys(stage)) parts.unshift(pictureOf(stage, headOf(stage)));
  $("shown").replaceChildren(...parts, legendOf(stage, full));
  return markCells();
}

// The tables of a stage, each a title and its numbers by row and column: of scores also what they are the sum of.
function tablesOf(stage, head) {
  const numbersOf = (of) => (row, column) => unitsOf(of, head)[row * stage.width + column];
  const bias = stage.rule === "scores" && sourcesOf(stage)[2];
  if (!bias) return [[textIn(stage.name), numbersOf(stage)]];
  return [[say("content: q k, scaled"), (row, column) => contentAt(stage, head, row, column)],
    [say("+ position bias"), numbersOf(bias)], [say("= scores"), numbersOf(stage)]];
}

// How wide a table may be: side by side where numbers, or else the maps, find room so.
function roomFor(stage, count) {
  const wide = $("shown").clientWidth;
  const numbered = stage.width * ROOMY + LABEL;
  return count === 1 || (numbered <= wide && count * numbered > wide) ? wide : wide / count - BETWEEN;
}

// Content is what the scores are without the position bias.
function contentAt(stage, head, row, column) {
  const i = row * stage.width + column;
  const [score, bias] = [unitsOf(stage, head)[i], sourcesOf(stage)[2]];
  return score === NONE || !bias ? score : score - filled(unitsOf(bias, head)[i]);
}

function legendOf(stage, full) {
  const low = isWeights(stage) ? "0" : textOf(-full);
  const high = isWeights(stage) && full === UNIT ? "1" : textOf(full);
  const ramp = make("span", { className: isWeights(stage) ? "ramp positive" : "ramp" });
  const rows = isOfKeys(stage) ? say("rows: queries (who looks), columns: keys (what is looked at)")
    : stage.symbols ? say("rows: positions, columns: symbols") : say("rows: positions, columns: channels");
  const columns = columnsShown(stage);
  const few = stage.symbols ? say("shown: {shown} of {all} symbols, the highest", { shown: columns, all: stage.of })
    : say("shown: {shown} of {all} channels", { shown: columns, all: stage.of });
  const more = columns < stage.of ? ` ${few}` : "";
  return make("p", { className: "note legend" }, low, ramp, high, make("span", { textContent: rows + more }));
}

function showHeads() {
  const stage = stageHere();
  $("heads").hidden = !stage || stage.heads.length < 2;
  if ($("heads").hidden) return;
  $("heads").setAttribute("aria-label", say("heads"));
  const buttons = stage.heads.map((head, i) => {
    const canvas = make("canvas", {});
    paintUnits(canvas, [...unitsOf(stage, i)], stage.width, fullOf(stage));
    const button = make("button", { className: "head" }, canvas, say("head {number}", { number: head }));
    button.setAttribute("aria-pressed", i === state.head);
    button.addEventListener("click", () => switchHead(i));
    return button;
  });
  const hadFocus = $("heads").contains(document.activeElement);
  $("heads").replaceChildren(...buttons);
  rove($("heads"), [buttons]);
  stopAt(buttons, buttons[state.head]);
  if (hadFocus) buttons[state.head].focus();
}
