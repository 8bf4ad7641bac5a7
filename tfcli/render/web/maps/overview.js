const FEW = 8; // tokens, up to which the cells of all maps have their numbers
const SMALLEST_CELL = 12; // pixels; in smaller ones tokens have no room, and positions stand there
const ROOM_FOR_NUMBER = 33; // pixels
const LONGEST = 72; // pixels of a token beside a map; what is longer is cut off
const LEAST = 240; // pixels of a map with its labels; one with numbers may need more
const LEAST_OF_MANY = 168; // ... of so many tokens that these have no room at 240 anyway
const BETWEEN = 16; // pixels, two maps

function showGrid() {
  const hadFocus = $("grid").contains(document.activeElement);
  const made = view().heads.flatMap((head) => shownParts().map((part) => figureOf(head, part)));
  const lone = view().layers.every((layer) => layer.heads.length === 1) && !state.together; // layers side by side
  const rows = lone ? [made] : view().layers.map((_, row) => made.filter(({ shows }) => shows.head.row === row));
  $("grid").replaceChildren(...rows.map((row) => make("div", { className: "layer" }, ...row)));
  paintTiles();
  if (hadFocus) focusTile(tileOf(head()));
}

const shownParts = () => state.together ? PARTS : [state.part];
const figures = () => [...$("grid").querySelectorAll(".figure")];
const tiles = () => [...$("grid").querySelectorAll(".tile")];
const asPictures = () => view().picture !== null && state.part === "weights" && !state.together;

// A map with tokens at its sides. The button is the map and its name; what else it shows lies above it.
function figureOf(head, part) {
  const title = state.together ? `${titleOf(head)} ${NAMES[part]}` : titleOf(head);
  const tile = make("button", { className: "tile", tabIndex: -1 }, make("canvas"), title);
  Object.assign(tile.dataset, { layer: head.layer, head: head.head });
  tile.setAttribute("aria-label", `${title}: enlarge`);
  tile.addEventListener("click", () => enlarge(head, part));
  const figure = make("div", { className: "figure" }, tile,
    make("div", { className: "queries axis before", ariaHidden: "true" }),
    make("div", { className: "keys axis above", ariaHidden: "true" }),
    make("div", { className: "numbers", ariaHidden: "true" }),
    make("div", { className: "spot", hidden: true }), make("p", { className: "remark note" }),
    make("b", { className: "spotted", ariaHidden: "true" }));
  return Object.assign(figure, { shows: { head, part } });
}

function paintTiles() {
  stopAt(tiles(), tiles()[tileOf(head())]);
  $("grid").classList.toggle("pictures", asPictures());
  for (const layer of $("grid").children) layer.style.setProperty("--columns", columnsFor(layer.children.length));
  if (asPictures()) {
    for (const figure of figures()) paintPicture(figure.querySelector("canvas"), rowsOfAnswers(figure.shows.head));
    $("blocks").textContent = "What each head looks at where the answer is read: "
      + `${view().prediction.join(" and ")}. The brightest glow is a weight of ${view().picture.peak.toFixed(2)}.`;
    return;
  }
  const [first] = figures();
  const sides = measureSides(first.clientWidth);
  const width = first.querySelector("canvas").clientWidth || tokens().length; // of a frame that isn't shown yet
  const block = Math.ceil(tokens().length / width);
  for (const figure of figures()) fillFigure(figure, block, { ...sides, cell: width / tokens().length });
  const kind = shownParts().join() === "weights" ? "weights" : "numbers";
  $("blocks").textContent = block > 1 ? `A point of a map is the largest of ${block} \u00d7 ${block} ${kind}.` : "";
}

// As many maps side by side as have room; rather two rows of three than one of four and one of two.
// The parts of a head stay in one row, or each has one of its own.
function columnsFor(maps) {
  const n = tokens().length;
  const least = n <= FEW ? Math.max(LEAST, 56 + n * ROOM_FOR_NUMBER) : n <= LEAST / SMALLEST_CELL ? LEAST : LEAST_OF_MANY;
  const most = Math.floor(($("grid").clientWidth + BETWEEN) / (least + BETWEEN));
  const together = shownParts().length;
  const heads = maps / together;
  const inRow = clamp(Math.floor(most / together), 1, heads);
  return most < together ? 1 : together * Math.ceil(heads / Math.ceil(heads / inRow));
}

// What stands at the sides of all maps, and the room that it takes, for figures of a width in pixels.
function measureSides(width) {
  const n = tokens().length;
  const pen = make("canvas").getContext("2d");
  pen.font = getComputedStyle($("query-axis")).font;
  const widest = Math.min(LONGEST, Math.max(...tokens().map((token) => pen.measureText(token).width)));
  const crowded = (width - widest - 8) / n < SMALLEST_CELL;
  const gutter = (crowded ? pen.measureText(n - 1).width : widest) + 8;
  const turned = !crowded && widest + 4 > (width - gutter) / n;
  $("grid").style.setProperty("--gutter", `${gutter}px`);
  $("grid").style.setProperty("--above", `${turned ? widest + 8 : 16}px`);
  return { crowded, turned };
}

function fillFigure(figure, block, { cell, crowded, turned }) {
  const n = tokens().length;
  const { head, part } = figure.shows;
  const [canvas, queries, keys, numbers] = ["canvas", ".queries", ".keys", ".numbers"].map((name) => figure.querySelector(name));
  const shown = numbersOf(head, part);
  paint(canvas, shown ? shrink(shown, block) : [], part, shown ? Math.ceil(n / block) : n);
  figure.querySelector(".remark").textContent = remarkOn(head, part);
  figure.classList.toggle("empty", !shown);
  const every = crowded ? [2, 5, 10, 20, 50, 100, 200, 500].find((step) => step * cell >= 24) : 1;
  keys.classList.toggle("turned", turned);
  queries.replaceChildren(...sideLabels(every, crowded, "top"));
  keys.replaceChildren(...sideLabels(every, crowded, "left"));
  numbers.style.setProperty("--n", n);
  numbers.style.setProperty("--cell", `${cell}px`);
  numbers.replaceChildren(...(shown && n <= FEW ? numberSpans(shown, part, cell) : []));
}

function sideLabels(every, crowded, side) {
  return tokens().flatMap((token, i) => {
    if (i % every) return [];
    const label = make("span", { className: "label" }, crowded ? positionOf(i) : tokenOf(token));
    label.style[side] = `${100 * (i + 0.5) / tokens().length}%`;
    return [label];
  });
}

// The cell under the pointer, in all maps: whose it is, and its number in each.
function spot(event) {
  const canvas = event.target.closest(".figure")?.querySelector("canvas");
  if (!canvas || asPictures()) return unspot();
  const box = canvas.getBoundingClientRect();
  if (event.clientY > box.bottom || event.clientX < box.left || event.clientY < box.top) return unspot();
  const [query, key] = [cellAt(event.clientY, box.top, box.height), cellAt(event.clientX, box.left, box.width)];
  for (const figure of figures()) showSpot(figure, query, key);
  showTip(event, event.target.closest(".figure").shows.head, query, key);
}

function showSpot(figure, query, key) {
  const n = tokens().length;
  const { head, part } = figure.shows;
  const number = numberAt(head, part, query, key);
  const mark = figure.querySelector(".spot");
  mark.hidden = number === undefined;
  Object.assign(mark.style, { top: `${100 * query / n}%`, left: `${100 * key / n}%`, width: `${100 / n}%`, height: `${100 / n}%` });
  figure.querySelector(".spotted").textContent = textOf(number, part);
}

function textOf(number, part) {
  if (number === undefined) return "";
  return Number.isNaN(number) ? "masked" : part === "weights" ? number.toFixed(4) : signed(number, 3);
}

function showTip(event, head, query, key) {
  const tip = $("tip");
  Object.assign(tip.dataset, { query, key, layer: head.layer, head: head.head });
  tip.replaceChildren(make("div", {}, ...named("query ", query), " \u2192 ", ...named("key ", key)),
    make("div", {}, "weight ", make("b", { textContent: numberAt(head, "weights", query, key).toFixed(4) })),
    make("div", { className: "note", textContent: sumOf(head, query, key) }));
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = `${clamp(event.clientX + 16, 4, innerWidth - width - 4)}px`;
  tip.style.top = `${event.clientY + 20 + height > innerHeight ? event.clientY - height - 12 : event.clientY + 20}px`;
}

function unspot() {
  $("tip").hidden = true;
  for (const mark of $("grid").querySelectorAll(".spot")) mark.hidden = true;
  for (const number of $("grid").querySelectorAll(".spotted")) number.textContent = "";
}

// The number of a head's first tile.
const tileOf = (head) => view().heads.indexOf(head) * shownParts().length;
const tileInReach = () => tiles().findIndex((tile) => tile.tabIndex === 0);

function focusTile(i) {
  const all = tiles();
  const next = all[clamp(i, 0, all.length - 1)];
  state.head = view().heads.indexOf(next.parentElement.shows.head);
  stopAt(all, next);
  next.focus();
}

function moveToLayer(step) {
  const { row, column } = head();
  const there = view().heads.filter((other) => other.row === row + step);
  const part = tileInReach() - tileOf(head());
  if (there.length) focusTile(tileOf(there[Math.min(column, there.length - 1)]) + part);
}
