function show() {
  showHeader(view());
  showSwitcher();
  showSwitches();
  unspot();
  $("grid").hidden = state.large || state.lines;
  $("bundles").hidden = state.large || !state.lines;
  $("large").hidden = !state.large;
  $("help").textContent = state.large
    ? "Arrow keys move the cell, n and p change the head, Escape goes back, ? shows all keys."
    : state.lines ? "Point at a token to see its lines alone; l shows the maps, ? shows all keys."
      : "Arrow keys choose a head, Enter enlarges it, l shows lines, s switches the part, ? shows all keys.";
  if (state.large) showLarge();
  else if (state.lines) showBundles();
  else showGrid();
}

// Head and cell stay what they were where the other view has them.
function switchView(i) {
  if (i < 0 || i >= views.length) return;
  const { loop, layer, head: name } = head();
  state.view = i;
  state.head = Math.max(0, view().heads.findIndex((other) => other.loop === loop && other.layer === layer && other.head === name));
  if (Math.max(state.query, state.key) >= tokens().length) Object.assign(state, { query: null, key: null });
  show();
}

function switchHead(i) {
  if (i < 0 || i >= view().heads.length) return;
  state.head = i;
  showLarge();
}

function switchLines(lines) {
  state.lines = lines;
  show();
}

const everywhere = {
  "[": () => switchView(state.view - 1),
  "]": () => switchView(state.view + 1),
  " ": togglePlay,
};
const inOverview = { l: () => switchLines(!state.lines) };
const inGrid = {
  ...inOverview,
  s: nextPart,
  ArrowLeft: () => focusTile(tileInReach() - 1),
  ArrowRight: () => focusTile(tileInReach() + 1),
  ArrowUp: () => moveToLayer(-1),
  ArrowDown: () => moveToLayer(1),
};
const inLines = {
  ...inOverview,
  ...Object.fromEntries(Array.from({ length: 10 }, (_, i) => [i, () => toggleHead(i)])),
};
const inMap = {
  s: nextPart,
  ArrowLeft: () => moveCell(0, -1),
  ArrowRight: () => moveCell(0, 1),
  ArrowUp: () => moveCell(-1, 0),
  ArrowDown: () => moveCell(1, 0),
  Escape: goBack,
  n: () => switchHead(state.head + 1),
  p: () => switchHead(state.head - 1),
  "+": () => zoom(2),
  "-": () => zoom(1 / 2),
};

const actions = () => ({ ...everywhere, ...(state.large ? inMap : state.lines ? inLines : inGrid) });

function start() {
  fillSwitcher();
  const clicks = {
    "previous-view": everywhere["["], "next-view": everywhere["]"], "previous-head": inMap.p, "next-head": inMap.n,
    "zoom-in": inMap["+"], "zoom-out": inMap["-"], back: goBack,
    "as-maps": () => switchLines(false), "as-lines": () => switchLines(true),
  };
  for (const [id, action] of Object.entries(clicks)) $(id).addEventListener("click", action);
  for (const button of partButtons()) button.addEventListener("click", () => showPart(button.dataset.part));
  $("together").addEventListener("click", showTogether);
  for (const type of ["pointerdown", "pointermove"]) {
    $("map").addEventListener(type, pointAtMap);
    $("lines").addEventListener(type, pointAtLines);
  }
  $("grid").addEventListener("pointermove", spot);
  $("grid").addEventListener("pointerleave", unspot);
  $("panels").addEventListener("pointerleave", leaveToken);
  $("panels").addEventListener("focusout", leaveToken);
  addEventListener("resize", drawAgain);
  requestAnimationFrame(() => requestAnimationFrame(() => performance.mark("grid drawn")));
}

// In a window of another size; lines are stretched anyway.
function drawAgain() {
  if (state.large) showLarge();
  else if (!state.lines) paintTiles();
}
