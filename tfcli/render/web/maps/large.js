const LABEL = 13; // pixels that a line of an axis takes
const WIDEST_LABEL = 120; // pixels; where a token is wider, the axes show numbers
let layout; // of the large map

function enlarge(head, part) {
  Object.assign(state, { head: view().heads.indexOf(head), part, large: true, zoom: 1 });
  show();
  $("map").focus();
}

function goBack() {
  Object.assign(state, { large: false, query: null, key: null });
  show();
  focusTile(tileOf(head()) + shownParts().indexOf(state.part));
}

function showLarge() {
  layout = layOut();
  $("blocks").textContent = "";
  const { numbered } = layout;
  $("title").textContent = titleOf(head());
  $("map").setAttribute("aria-label", `${NAMES[state.part]} of ${titleOf(head())}; the arrow keys move the cell`);
  $("previous-head").disabled = state.head === 0;
  $("next-head").disabled = state.head === view().heads.length - 1;
  $("zoom-out").disabled = state.zoom === 1;
  $("zoom-in").disabled = layout.cell >= 32;
  $("zoom").hidden = $("zoom-in").disabled && $("zoom-out").disabled;
  $("numbers").replaceChildren(...(numbered ? tokens().map((token, i) => make("li", {}, ...named("", i))) : []));
  showMap();
  $("key-axis").classList.toggle("turned", layout.turned);
  const [queries, , keys] = $("lines").children;
  showAxis($("query-axis"), "top", layout.cell);
  showAxis($("key-axis"), "left", layout.cell);
  showAxis(queries, "top", layout.pitch);
  showAxis(keys, "top", layout.pitch);
  showCell();
}

// How large a cell is and what stands at the axes, all in pixels.
function layOut() {
  const n = tokens().length;
  const room = $("frame").clientWidth;
  const pen = make("canvas").getContext("2d");
  pen.font = getComputedStyle($("query-axis")).font;
  const width = (text) => pen.measureText(text).width;
  const widest = Math.max(...tokens().map(width));
  const numbered = widest > Math.min(WIDEST_LABEL, room / 4);
  const crowded = numbered || n * LABEL > room;
  const label = numbered ? width(`${n - 1}`) : widest + (crowded ? width(`${n - 1} `) : 0);
  const gutter = Math.ceil(label) + 12;
  const side = Math.min(room - gutter, Math.max(320, innerHeight * 0.62)) - 6;
  const fit = clamp(Math.floor(side / n), 1, 80);
  const cell = fit * state.zoom;
  const turned = label + 4 > cell * labelEvery(cell);
  return { cell, pitch: Math.min(fit, 30), numbered, crowded, gutter, turned, above: turned ? gutter : LABEL + 8 };
}

const labelEvery = (cell) => [1, 2, 5, 10, 20, 50].find((step) => step * cell >= LABEL);

function showMap() {
  const { cell, gutter, above } = layout;
  const side = `${tokens().length * cell}px`;
  const { part } = state;
  const numbers = numbersOf(head(), part);
  Object.assign($("map").style, { width: side, height: side });
  Object.assign($("query-axis").style, { width: `${gutter}px`, height: side });
  Object.assign($("key-axis").style, { width: side, height: `${above}px` });
  paint($("map").querySelector("canvas"), numbers ?? [], part);
  $("remark").textContent = remarkOn(head(), part);
  $("weights").style.setProperty("--n", tokens().length);
  $("weights").style.setProperty("--cell", `${cell}px`);
  $("weights").replaceChildren(...(numbers ? numberSpans(numbers, part, cell) : []));
}

function showAxis(axis, side, cell) {
  const every = labelEvery(cell);
  axis.dataset.cell = cell;
  if (side === "top") Object.assign(axis.style, { width: `${layout.gutter}px`, height: `${tokens().length * cell}px` });
  axis.replaceChildren(...tokens().flatMap((_, i) => i % every === 0 ? [labelOf(i, side, cell)] : []));
}

function labelOf(i, side, cell) {
  const { numbered, crowded } = layout;
  const label = make("span", { className: "label" });
  if (crowded) label.append(positionOf(i));
  if (crowded && !numbered) label.append(" ");
  if (!numbered) label.append(tokenOf(tokens()[i]));
  label.dataset.position = i;
  label.style[side] = `${(i + 0.5) * cell}px`;
  return label;
}

// Marks position `i` of an axis, even where there was no room for its label.
function mark(axis, side, i) {
  axis.querySelector(".now")?.remove();
  if (i === null) return;
  const label = labelOf(i, side, Number(axis.dataset.cell));
  label.classList.add("now");
  axis.append(label);
}

function choose(query, key) {
  Object.assign(state, { query, key });
  showCell();
}

function showCell() {
  const { query, key } = state;
  const [queries, , keys] = $("lines").children;
  for (const axis of [$("query-axis"), queries]) mark(axis, "top", query);
  mark($("key-axis"), "left", key);
  mark(keys, "top", key);
  const { cell } = layout;
  place($("query-band"), query, { top: query * cell, left: 0, width: tokens().length * cell, height: cell });
  place($("key-band"), key, { top: 0, left: key * cell, width: cell, height: tokens().length * cell });
  place($("cell"), query, { top: query * cell, left: key * cell, width: cell, height: cell });
  showReadout();
  showPicture();
  showLines();
  showLists();
}

function place(element, chosen, box) {
  element.hidden = chosen === null;
  for (const [side, pixels] of Object.entries(box)) element.style[side] = `${pixels}px`;
}

const named = (kind, i) => [kind, positionOf(i), " ", tokenOf(tokens()[i])];

function showReadout() {
  const { query, key, part } = state;
  const readout = $("readout");
  for (const name of Object.keys(readout.dataset)) delete readout.dataset[name];
  if (query === null) {
    readout.replaceChildren(make("span", { className: "note", textContent: "no cell is chosen yet" }));
    return;
  }
  const [weight, shown] = [weightAt(query, key), numberAt(head(), part, query, key)];
  Object.assign(readout.dataset, { query, key, weight: weight.toFixed(6) });
  readout.replaceChildren(make("b", { textContent: textOf(shown, part) }),
    make("span", {}, ...named("query ", query), make("br"), ...named("looks at key ", key)),
    make("small", { className: "note", textContent: sumOf(head(), query, key) }));
}

function moveCell(down, right) {
  const last = tokens().length - 1;
  const { query, key } = state;
  if (query === null) choose(0, 0);
  else choose(clamp(query + down, 0, last), clamp(key + right, 0, last));
  $("cell").style.scrollMargin = `${layout.above + 4}px 4px 4px ${layout.gutter + 4}px`;
  $("cell").scrollIntoView({ block: "nearest", inline: "nearest" });
}

function zoom(factor) {
  if ($(factor > 1 ? "zoom-in" : "zoom-out").disabled) return;
  state.zoom *= factor;
  showLarge();
  const frame = $("frame");
  frame.scrollLeft = state.key * layout.cell - frame.clientWidth / 2;
  frame.scrollTop = state.query * layout.cell - frame.clientHeight / 2;
}

// Which of n cells a pointer is on, along one side of a box.
function cellAt(position, start, length) {
  const n = tokens().length;
  return clamp(Math.floor((position - start) / length * n), 0, n - 1);
}

function pointAtMap(event) {
  const box = $("map").getBoundingClientRect();
  choose(cellAt(event.clientY, box.top, box.height), cellAt(event.clientX, box.left, box.width));
}
