function show() {
  showHeader(view());
  showSwitcher();
  showScale();
  $("grid").hidden = state.large;
  $("large").hidden = !state.large;
  $("help").textContent = state.large
    ? "Arrow keys move the cell, n and p change the head, Escape goes back, ? shows all keys."
    : "Arrow keys choose a head, Enter enlarges it, ? shows all keys.";
  if (state.large) showLarge();
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

const everywhere = {
  "[": () => switchView(state.view - 1),
  "]": () => switchView(state.view + 1),
};

const inGrid = {
  ArrowLeft: () => focusTile(state.head - 1),
  ArrowRight: () => focusTile(state.head + 1),
  ArrowUp: () => moveToLayer(-1),
  ArrowDown: () => moveToLayer(1),
};

const inMap = {
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

const actions = () => ({ ...everywhere, ...(state.large ? inMap : inGrid) });

function showSwitcher() {
  $("views").selectedIndex = state.view;
  $("previous-view").disabled = state.view === 0;
  $("next-view").disabled = state.view === views.length - 1;
}

function showScale() {
  const full = fullWeight();
  $("scale").textContent = full === 1 ? "1" : `${full.toFixed(4)}, the largest weight`;
  $("scale").dataset.full = full;
}

function start() {
  $("switcher").hidden = views.length === 1;
  $("views").append(...views.map(({ label }) => make("option", { textContent: label })));
  $("views").addEventListener("change", () => switchView($("views").selectedIndex));
  const clicks = {
    "previous-view": everywhere["["], "next-view": everywhere["]"], "previous-head": inMap.p, "next-head": inMap.n,
    "zoom-in": inMap["+"], "zoom-out": inMap["-"], back: goBack,
  };
  for (const [id, action] of Object.entries(clicks)) $(id).addEventListener("click", action);
  for (const type of ["pointerdown", "pointermove"]) {
    $("map").addEventListener(type, pointAtMap);
    $("lines").addEventListener(type, pointAtLines);
  }
  addEventListener("resize", () => state.large ? showLarge() : paintTiles());
  requestAnimationFrame(() => requestAnimationFrame(() => performance.mark("grid drawn")));
}
