const NAMES = { weights: "weights", content: "q\u00b7k", position: "position" };
const MEANINGS = {
  weights: "The scores of each query, q\u00b7k + position, made into its shares of the keys: each row sums to 1.",
  content: "How well each key fits each query by what the two tokens hold: the product of their vectors, scaled.",
  position: "What is added to q\u00b7k for where query and key stand: the position bias.",
};

// What is on show: maps of one of the parts, or the lines of all heads.
function showSwitchesOfMaps() {
  $("as-maps").ariaPressed = !state.lines;
  $("as-lines").ariaPressed = state.lines;
  $("layouts").hidden = state.large;
  $("parts").hidden = $("notes").hidden = state.lines && !state.large;
  $("legend").hidden = $("sides").hidden = $("meaning").hidden = !state.large && (state.lines || asPictures());
  for (const button of $("parts").children) button.ariaPressed = button.dataset.part === state.part;
  const full = fullOf(state.part);
  const weights = state.part === "weights";
  $("ramp").classList.toggle("signed", !weights);
  $("least").textContent = weights ? "weight 0" : signed(-full);
  $("scale").textContent = !weights ? signed(full) : full === 1 ? "1" : `${full.toFixed(4)}, the largest weight`;
  $("scale").dataset.full = full;
  $("zero").hidden = weights;
  $("masked").hidden = weights || !views.some(hasMask);
  $("meaning").textContent = MEANINGS[state.part] + (weights ? "" : " Only how a row differs from key to key counts.");
}

const hasMask = (view) => view.heads.some((head) => PARTS.slice(1).some((part) => numbersOf(head, part)?.some(Number.isNaN)));

function showPart(part) {
  state.part = part;
  show();
}

function nextPart() {
  showPart(PARTS[(PARTS.indexOf(state.part) + 1) % PARTS.length]);
}
