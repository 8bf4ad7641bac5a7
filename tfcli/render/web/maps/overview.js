const FEW = 8; // tokens, up to which the cells of all maps have their numbers
const SMALLEST_CELL = 11; // pixels; in smaller ones tokens have no room, and positions stand there
const ROOM_FOR_NUMBER = 29; // pixels
const LONGEST = 72; // pixels of a token beside a map; what is longer is cut off
const LEAST = 240; // pixels of a map with its labels; one with numbers may need more
const BETWEEN = 16; // pixels, two maps

function showGrid() {
  const hadFocus = $("grid").contains(document.activeElement);
  const figures = view().heads.map(figureOf);
  const lone = view().layers.every((layer) => layer.heads.length === 1); // then layers stand side by side
  const rows = lone ? [figures] : view().layers.map((_, row) => figures.filter((_, i) => view().heads[i].row === row));
  $("grid").replaceChildren(...rows.map((row) => make("div", { className: "layer" }, ...row)));
  paintTiles();
  if (hadFocus) tiles()[state.head].focus();
}

const tiles = () => [...$("grid").querySelectorAll(".tile")];
const asPictures = () => view().picture !== null && state.part === "weights";

// A map with tokens at its sides. The button is the map and its name; what else it shows lies above it.
function figureOf(head, i) {
  const title = titleOf(head);
  const tile = make("button", { className: "tile", tabIndex: i === state.head ? 0 : -1 }, make("canvas"), title);
  Object.assign(tile.dataset, { layer: head.layer, head: head.head });
  tile.setAttribute("aria-label", `${title}: enlarge`);
  tile.addEventListener("click", () => enlarge(i));
  return make("div", { className: "figure" }, tile,
    make("div", { className: "queries axis before", ariaHidden: "true" }),
    make("div", { className: "keys axis above", ariaHidden: "true" }),
    make("div", { className: "numbers", ariaHidden: "true" }),
    make("div", { className: "spot", hidden: true }), make("p", { className: "remark note" }),
    make("b", { className: "spotted", ariaHidden: "true" }));
}

function paintTiles() {
  const figures = [...$("grid").querySelectorAll(".figure")];
  $("grid").classList.toggle("pictures", asPictures());
  for (const layer of $("grid").children) layer.style.setProperty("--columns", columnsFor(layer.children.length));
  if (asPictures()) {
    figures.forEach((figure, i) => paintPicture(figure.querySelector("canvas"), rowsOfAnswers(view().heads[i])));
    $("blocks").textContent = "What each head looks at where the answer is read: "
      + `${view().prediction.join(" and ")}. The brightest glow is a weight of ${view().picture.peak.toFixed(2)}.`;
    return;
  }
  const sides = measureSides(figures[0].clientWidth);
  const width = figures[0].querySelector("canvas").clientWidth || tokens().length; // of a frame that isn't shown yet
  const block = Math.ceil(tokens().length / width);
  figures.forEach((figure, i) => fillFigure(figure, view().heads[i], block, { ...sides, cell: width / tokens().length }));
  $("blocks").textContent = block > 1 ? `A point of a map is the largest of ${block} \u00d7 ${block} ${state.part === "weights" ? "weights" : "scores"}.` : "";
}

// As many maps side by side as have room; rather two rows of three than one of four and one of two.
function columnsFor(maps) {
  const least = tokens().length <= FEW ? Math.max(LEAST, 56 + tokens().length * (ROOM_FOR_NUMBER + 4)) : LEAST;
  const most = clamp(Math.floor(($("grid").clientWidth + BETWEEN) / (least + BETWEEN)), 1, maps);
  return Math.ceil(maps / Math.ceil(maps / most));
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

function fillFigure(figure, head, block, { cell, crowded, turned }) {
  const n = tokens().length;
  const [canvas, queries, keys, numbers] = ["canvas", ".queries", ".keys", ".numbers"].map((name) => figure.querySelector(name));
  const shown = numbersOf(head, state.part);
  paint(canvas, shown ? shrink(shown, block) : [], state.part, shown ? Math.ceil(n / block) : n);
  figure.querySelector(".remark").textContent = remarkOn(head, state.part);
  figure.classList.toggle("empty", !shown);
  const every = crowded ? [2, 5, 10, 20, 50, 100, 200, 500].find((step) => step * cell >= 24) : 1;
  keys.classList.toggle("turned", turned);
  queries.replaceChildren(...sideLabels(every, crowded, "top"));
  keys.replaceChildren(...sideLabels(every, crowded, "left"));
  numbers.style.setProperty("--n", n);
  numbers.style.setProperty("--cell", `${cell}px`);
  const roomy = n <= FEW && cell >= ROOM_FOR_NUMBER && shown;
  const decimals = state.part === "weights" || cell > 1.3 * ROOM_FOR_NUMBER ? 2 : 1;
  numbers.replaceChildren(...(roomy ? Array.from(shown, (number) => numberSpan(number, state.part, decimals)) : []));
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
  $("grid").querySelectorAll(".figure").forEach((figure, i) => showSpot(figure, view().heads[i], query, key));
  showTip(event, view().heads[tiles().indexOf(canvas.parentElement)], query, key);
}

function showSpot(figure, head, query, key) {
  const n = tokens().length;
  const number = numberAt(head, state.part, query, key);
  const mark = figure.querySelector(".spot");
  mark.hidden = number === undefined;
  Object.assign(mark.style, { top: `${100 * query / n}%`, left: `${100 * key / n}%`, width: `${100 / n}%`, height: `${100 / n}%` });
  figure.querySelector(".spotted").textContent = textOf(number, state.part);
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

function focusTile(i) {
  const all = tiles();
  state.head = clamp(i, 0, all.length - 1);
  stopAt(all, all[state.head]);
  all[state.head].focus();
}

function moveToLayer(step) {
  const { row, column } = head();
  const there = view().heads.filter((other) => other.row === row + step);
  if (there.length) focusTile(view().heads.indexOf(there[Math.min(column, there.length - 1)]));
}
