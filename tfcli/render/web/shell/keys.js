// What a key does is for the page to say: its `actions()` are functions by the name of the key.
function pressed(event) {
  const command = event.metaKey || (event.ctrlKey && !event.getModifierState("AltGraph"));
  const bracket = event.key === "[" || event.key === "]"; // on many keyboards with Alt
  const theirs = (event.target.matches("select, input") && !bracket && event.key !== "Escape")
    || (event.target === $("sequence") && event.key.startsWith("Arrow")); // which scroll
  if (command || (event.altKey && !bracket) || theirs || $("keys").open) return;
  const action = { "?": showKeys, ...actions() }[event.key];
  if (!action) return;
  event.preventDefault();
  action();
}

const showKeys = () => $("keys").showModal();

// Of a group of elements the Tab key stops at one alone, from which the page's arrow keys lead to the others.
function stopAt(group, element) {
  for (const other of group) other.tabIndex = other === element ? 0 : -1;
}

const ARROWS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

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
