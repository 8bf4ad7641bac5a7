const ARROWS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

function listenToKeys() {
  document.addEventListener("keydown", pressed);
  $("show-keys").addEventListener("click", showKeys);
  $("hide-keys").addEventListener("click", () => $("keys").close());
}

const showKeys = () => $("keys").showModal();

// What a key does is for the page to say: its `actions()` are functions by the name of the key.
function pressed(event) {
  const command = event.metaKey || (event.ctrlKey && !event.getModifierState("AltGraph"));
  const bracket = event.key === "[" || event.key === "]"; // on many keyboards with Alt
  if (command || (event.altKey && !bracket) || isTheirs(event) || $("keys").open) return;
  const action = { "?": showKeys, ...actions() }[event.key];
  if (!action) return;
  event.preventDefault();
  action();
}

// Whether the element that has the focus needs the key itself.
function isTheirs({ key, target }) {
  const moves = key in ARROWS || key === "Home" || key === "End";
  if (target.matches("select")) return !"[]".includes(key) && key !== "Escape";
  if (target.matches("input")) return moves || key === " ";
  if (target.matches("button, a, summary")) return key === " " || key === "Enter";
  return target === $("sequence") && moves; // which scrolls
}

// Of a group of elements the Tab key stops at one alone, from which the arrow keys lead to the others.
function stopAt(group, element) {
  for (const other of group) other.tabIndex = other === element ? 0 : -1;
}

// Makes rows of elements, which may differ in length, such a group: the arrow keys move the focus in it, Home and
// End along a row. Other keys go on to the page.
function rove(container, rows) {
  const group = rows.flat();
  if (!group.includes(document.activeElement)) stopAt(group, group[0]);
  container.onkeydown = (event) => {
    const row = rows.findIndex((elements) => elements.includes(event.target));
    if (row < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const column = rows[row].indexOf(event.target);
    const [down, right] = { ...ARROWS, Home: [0, -column], End: [0, rows[row].length] }[event.key] ?? [];
    if (down === undefined) return;
    const there = rows[clamp(row + down, 0, rows.length - 1)];
    const next = there[clamp(column + right, 0, there.length - 1)];
    event.preventDefault();
    event.stopPropagation();
    stopAt(group, next);
    next.focus();
  };
}
