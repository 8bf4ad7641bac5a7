const NAMES = { content: "q\u00b7k", position: "position", weights: "weights" };
const MEANINGS = {
  content: "How well each key fits each query by what the two tokens hold: the product of their vectors, scaled.",
  position: "What is added to q\u00b7k for where query and key stand: the position bias.",
  weights: "The scores of each query, q\u00b7k + position, made into its shares of the keys: each row sums to 1.",
};
const ALL_PARTS = "q\u00b7k + position is the score of a key, and the scores of a query become its weights: each row of these "
  + "sums to 1.";
const DIFFERENCES = " Only how scores differ from key to key within a row counts.";

const partButtons = () => $("parts").querySelectorAll("[data-part]");

// What is on show: maps of one of the parts or of all, or the lines of all heads.
function showSwitches() {
  const together = state.together && !state.large;
  $("as-maps").ariaPressed = !state.lines;
  $("as-lines").ariaPressed = state.lines;
  $("layouts").hidden = $("together").hidden = state.large;
  $("parts").hidden = $("notes").hidden = state.lines && !state.large;
  for (const button of partButtons()) button.ariaPressed = !together && button.dataset.part === state.part;
  $("together").ariaPressed = together;
  $("meaning").textContent = together ? ALL_PARTS + DIFFERENCES
    : MEANINGS[state.part] + (state.part === "weights" ? "" : DIFFERENCES);
  showLegends(!state.large && (state.lines || asPictures()) ? [] : together ? PARTS : [state.part]);
}

function showLegends(parts) {
  $("meaning").hidden = $("sides").hidden = parts.length === 0;
  $("weight-legend").hidden = !parts.includes("weights");
  $("score-legend").hidden = !parts.some((part) => part !== "weights");
  const [weight, score] = [fullWeight(), fullOf("content")];
  $("scale").textContent = weight === 1 ? "1" : `${weight.toFixed(4)}, the largest weight`;
  $("scale").dataset.full = weight;
  $("least-score").textContent = signed(-score);
  $("most-score").textContent = signed(score);
  $("most-score").dataset.full = score;
  $("masked").hidden = $("score-legend").hidden || !isMasked(view());
}

function isMasked(view) {
  view.masked ??= view.heads.some((head) => PARTS.some((part) => numbersOf(head, part)?.some(Number.isNaN)));
  return view.masked;
}

function showPart(part) {
  Object.assign(state, { part, together: state.together && state.large });
  show();
}

function showTogether() {
  state.together = true;
  show();
}

// The parts one after the other, and then all of them in the overview.
function nextPart() {
  const last = PARTS.indexOf(state.part) === PARTS.length - 1;
  if (last && !state.large && !state.together) showTogether();
  else showPart(state.together && !state.large ? PARTS[0] : PARTS[(PARTS.indexOf(state.part) + 1) % PARTS.length]);
}
