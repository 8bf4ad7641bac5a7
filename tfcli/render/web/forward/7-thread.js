// One token through all stages: its row at each of them.
const FIRST = 6; // numbers of a row

function showThread() {
  const token = state.token;
  const lines = screens.filter((screen) => screen.stage).map((screen) => {
    const { stage } = screen;
    const row = unitsOfRow(stage, headOf(stage), token);
    const open = make("button", { className: "to", textContent: textIn(screen.name) });
    open.addEventListener("click", () => go(screens.indexOf(screen)));
    const numbers = row.slice(0, FIRST).map(textOf).join("  ") + (row.length > FIRST ? "  \u2026" : "");
    const line = make("tr", {}, make("th", { scope: "row" }, open),
      make("td", {}, row.length ? stripOf(stage, token) : ""),
      make("td", { className: "number", textContent: row.length ? numbers : say("only where an answer is read") }));
    line.dataset.stage = stage.number;
    return { section: screen.section, line };
  });
  const bodies = [...new Set(lines.map(({ section }) => section))].map((section) => make("tbody", {},
    make("tr", {}, make("th", { scope: "rowgroup", colSpan: 3, className: "section", textContent: section })),
    ...lines.filter((one) => one.section === section).map(({ line }) => line)));
  const heads = [say("stage"), say("its row"), say("the first numbers")].map((textContent) => make("th", { scope: "col", textContent }));
  $("shown").className = "thread";
  $("shown").replaceChildren(frameOf(make("table", { className: "list" },
    make("thead", {}, make("tr", {}, ...heads)), ...bodies), say("through all stages")));
}
