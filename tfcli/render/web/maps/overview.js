function showGrid() {
  const hadFocus = $("grid").contains(document.activeElement);
  const tiles = view().heads.map(tileOf);
  $("grid").replaceChildren(...view().layers.map((layer, row) => {
    const line = make("div", { className: "layer" }, ...tiles.filter((_, i) => view().heads[i].row === row));
    line.style.setProperty("--heads", layer.heads.length);
    return line;
  }));
  paintTiles();
  if (hadFocus) tiles[state.head].focus();
}

function paintTiles() {
  const canvases = [...$("grid").querySelectorAll("canvas")];
  if (view().picture) {
    canvases.forEach((canvas, i) => paintPicture(canvas, rowsOfAnswers(view().heads[i])));
    $("blocks").textContent = "What each head looks at where the answer is read: "
      + `${view().prediction.join(" and ")}. The brightest glow is a weight of ${view().picture.peak.toFixed(2)}.`;
    return;
  }
  const width = canvases[0].clientWidth || tokens().length; // a frame that is not on screen yet has no width
  const block = Math.ceil(tokens().length / width);
  const side = Math.ceil(tokens().length / block);
  canvases.forEach((canvas, i) => paint(canvas, shrink(weightsOf(view().heads[i]), block), side));
  $("blocks").textContent = block > 1 ? `A point of a map is the largest of ${block} \u00d7 ${block} weights.` : "";
}

function tileOf(head, i) {
  const title = titleOf(head);
  const tile = make("button", { className: "tile", tabIndex: i === state.head ? 0 : -1 }, make("canvas"), title);
  Object.assign(tile.dataset, { layer: head.layer, head: head.head });
  tile.setAttribute("aria-label", `${title}: enlarge`);
  tile.addEventListener("click", () => enlarge(i));
  return tile;
}

function focusTile(i) {
  const tiles = document.querySelectorAll(".tile");
  tiles[state.head].tabIndex = -1;
  state.head = clamp(i, 0, tiles.length - 1);
  tiles[state.head].tabIndex = 0;
  tiles[state.head].focus();
}

function moveToLayer(step) {
  const { row, column } = head();
  const there = view().heads.filter((other) => other.row === row + step);
  if (there.length) focusTile(view().heads.indexOf(there[Math.min(column, there.length - 1)]));
}
