// The lines of all heads at once: in each layer from the queries on the left to the keys on the right.
const MOST_TOKENS = 40;
const TALL = 400; // pixels that a few tokens share
const ROWS = [24, 40]; // pixels that a token takes, at least and at most

const off = new Set(); // names of heads that are switched off
let chosen = null; // {side, i} of the token that is pointed at or has the focus; side is "query" or "key"

// By these names heads have the same colour and switch in all layers.
const headNames = () => [...new Set(view().heads.map(nameHead))];

function showBundles() {
  const tooMany = tokens().length > MOST_TOKENS;
  if (chosen && chosen.i >= tokens().length) chosen = null;
  $("too-many").hidden = !tooMany;
  $("too-many").textContent = `Lines are drawn for up to ${MOST_TOKENS} tokens, and these are ${tokens().length}. `
    + "Enlarge a head among the maps to see its lines.";
  $("bundle-note").hidden = $("switches").hidden = tooMany;
  $("bundle-note").textContent = "Queries on the left look at keys on the right; the thicker a line, the larger its weight. "
    + `Weights below ${least().toFixed(least() < 0.05 ? 4 : 2)} are left out.`;
  showHeadSwitches();
  fillPanels(tooMany ? [] : view().layers.map(panelOf));
}

// The token that has the focus keeps it, if it is still there.
function fillPanels(panels) {
  const focused = [...$("panels").children].findIndex((panel) => panel.contains(document.activeElement));
  const kept = chosen; // for to take the focused button away is to leave it
  $("panels").replaceChildren(...panels);
  chosen = kept;
  if (chosen && panels[focused]) tokenButton(panels[focused], chosen).focus();
  markBundles();
}

const least = () => fullWeight() / 20;

function showHeadSwitches() {
  const names = headNames();
  const focused = names.findIndex((_, i) => $("switches").children[i] === document.activeElement);
  const buttons = names.map((name, i) => {
    const button = make("button", { className: "head-switch", ariaPressed: String(!off.has(name)) }, swatch(i), name);
    button.dataset.name = name;
    button.addEventListener("click", () => toggleHead(i));
    return button;
  });
  const all = make("button", { textContent: "all heads", disabled: !off.size });
  all.addEventListener("click", () => { off.clear(); showBundles(); });
  $("switches").replaceChildren(...buttons, all);
  buttons[focused]?.focus();
}

function toggleHead(i) {
  const name = headNames()[i];
  if (name === undefined) return;
  if (!off.delete(name)) off.add(name);
  showBundles();
}

// The ninth head has the colour of the first, and dashes.
const colourOfHead = (i) => `var(--head-${i % 8})`;
const isDashed = (i) => i % 16 >= 8;

function swatch(i) {
  const element = make("span", { className: isDashed(i) ? "swatch dashed" : "swatch", ariaHidden: "true" });
  element.style.color = colourOfHead(i);
  return element;
}

function panelOf(layer, row) {
  const heads = view().heads.filter((head) => head.row === row && !off.has(nameHead(head)));
  const sides = ["query", "key"].map((side) => make("div", { className: `side ${side}`, role: "group",
    ariaLabel: side === "query" ? "queries: who looks" : "keys: what is looked at" },
  make("span", { className: "note", textContent: side, ariaHidden: "true" }), ...tokens().map((_, i) => buttonOf(side, i))));
  const panel = make("section", { className: "card panel" },
    make("h2", { textContent: nameLayer(layer) }),
    make("div", { className: "bundle" }, sides[0], linesOf(heads), sides[1]),
    make("ol", { className: "told" }, ...heads.map(() => make("li"))));
  panel.heads = heads;
  panel.style.setProperty("--row", `${rowHeight()}px`);
  panel.setAttribute("aria-label", `${nameLayer(layer)}: lines`);
  const [queries, keys] = sides.map((side) => [...side.querySelectorAll("button")]);
  rove(panel.querySelector(".bundle"), queries.map((query, i) => [query, keys[i]]));
  return panel;
}

function buttonOf(side, i) {
  const button = make("button", { className: "token-button" }, positionOf(i), " ", tokenOf(tokens()[i]));
  Object.assign(button.dataset, { side, i });
  button.setAttribute("aria-label", `${side} ${i} ${tokens()[i]}`);
  const choose = () => chooseToken({ side, i });
  for (const type of ["pointerenter", "focus", "click"]) button.addEventListener(type, choose);
  return button;
}

const tokenButton = (within, { side, i }) => within.querySelector(`[data-side="${side}"][data-i="${i}"]`);

const rowHeight = () => clamp(Math.floor(TALL / tokens().length), ...ROWS);

function makeDrawn(tag, attributes) {
  const element = document.createElementNS($("drawing").namespaceURI, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

// All lines that are worth one, the thin ones first. They are drawn into a box 100 wide, which is stretched.
function linesOf(heads) {
  const n = tokens().length;
  const row = rowHeight();
  const gap = Math.min(row / 6, (row - 6) / heads.length); // between the lines of two heads at one token
  const svg = makeDrawn("svg", { viewBox: `0 0 100 ${n * row}`, height: n * row, preserveAspectRatio: "none",
    "aria-hidden": "true" });
  const lines = heads.flatMap((head, i) => Array.from(weightsOf(head), (weight, cell) =>
    ({ weight, query: Math.floor(cell / n), key: cell % n, name: nameHead(head), aside: (i - (heads.length - 1) / 2) * gap })))
    .filter(({ weight }) => weight >= least()).sort((a, b) => a.weight - b.weight);
  svg.append(...lines.map((line) => drawLine(line, row)));
  return svg;
}

function drawLine({ weight, query, key, name, aside }, row) {
  const [from, to] = [query, key].map((i) => (i + 0.5) * row + aside);
  const number = headNames().indexOf(name);
  const share = Math.min(1, weight / fullWeight());
  const line = makeDrawn("path", { d: `M0 ${from}C50 ${from} 50 ${to} 100 ${to}`,
    "stroke-width": 0.5 + 3.5 * share, "stroke-opacity": 0.2 + 0.75 * share });
  line.style.color = colourOfHead(number);
  if (isDashed(number)) line.setAttribute("stroke-dasharray", "5 3");
  Object.assign(line.dataset, { query, key, head: name, weight: weight.toFixed(6) });
  return line;
}

function chooseToken(token) {
  chosen = token;
  markBundles();
}

// What is pointed at no longer: the token that has the focus is chosen again, if one has.
function leaveToken() {
  const { side, i } = $("panels").contains(document.activeElement) ? document.activeElement.dataset : {};
  chooseToken(side ? { side, i: Number(i) } : null);
}

// Of a token that is chosen, in all layers, its lines alone; and below them where each head looks most.
function markBundles() {
  for (const line of $("panels").querySelectorAll("path")) {
    line.style.display = !chosen || Number(line.dataset[chosen.side]) === chosen.i ? "" : "none";
  }
  for (const button of $("panels").querySelectorAll(".token-button")) {
    button.classList.toggle("now", chosen !== null && button.dataset.side === chosen.side && Number(button.dataset.i) === chosen.i);
  }
  for (const panel of $("panels").children) {
    panel.heads.forEach((head, i) => panel.querySelectorAll(".told li")[i].replaceChildren(...toldOf(head)));
    if (chosen) tokenButton(panel, chosen).setAttribute("aria-description", panel.querySelector(".told").textContent);
  }
}

// A head's largest weight at the chosen token.
function toldOf(head) {
  const name = [swatch(headNames().indexOf(nameHead(head))), `${nameHead(head)} `];
  if (!chosen) return name;
  const weights = tokens().map((_, i) => chosen.side === "query" ? numberAt(head, "weights", chosen.i, i)
    : numberAt(head, "weights", i, chosen.i));
  const other = strongest(weights);
  const number = make("b", { textContent: weights[other].toFixed(4) });
  return [...name, ...(chosen.side === "query" ? named("\u2192 ", other) : named("\u2190 ", other)), " ", number];
}
