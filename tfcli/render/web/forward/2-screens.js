// What one walks through: the tokens, each stage, the answer. Learned matrices stand below what is made with them.
const state = { screen: 0, head: 0, token: 0, columns: {}, thread: false, unfolded: false, language: "en" };
let screens = [];

const here = () => screens[state.screen];
const stageHere = () => here().stage;
const headOf = (stage) => (stage.heads.length > 1 ? state.head : 0);

// Of what a stage counts in its columns one is chosen, and stays so on other stages; at first what a query looks at
// most, or the answer.
function columnOf(stage) {
  const chosen = state.columns[stage.axes[1]];
  if (chosen !== undefined) return Math.min(chosen, stage.width - 1);
  const [looked] = isOfKeys(stage) ? data.stages.filter((other) => isWeights(other) && isSameLayer(other, stage)) : [];
  const told = looked ?? (stage.symbols ? stage : null);
  return told ? orderOf(unitsOfRow(told, headOf(told), state.token))[0]?.i ?? 0 : 0;
}

function layOutScreens() {
  const shown = data.stages.filter((stage) => !isMatrix(stage));
  screens = [{ name: "tokens" }, ...shown.map((stage) => ({ name: stage.name, stage })), { name: "answer" }];
  for (const screen of screens) {
    screen.section = sectionOf(screen.stage);
    screen.matrices = data.stages.filter((other) => isMatrix(other) && screen.stage && isUsedBy(other, screen.stage));
  }
}

const isSameLayer = (one, other) => one.layer === other.layer && one.loop === other.loop;
const isUsedBy = (matrix, stage) => isSameLayer(matrix, stage) && stage.formula.includes(matrix.name);

// Before the first layer, a layer, or after the last.
function sectionOf(stage) {
  if (stage && stage.layer !== null) return layerOf(stage);
  const first = data.stages.findIndex((other) => other.layer !== null);
  return stage && data.stages.indexOf(stage) >= first || !stage && screens[0].section ? say("output") : say("input");
}

const layerOf = ({ loop, layer }) => [...(loop === null ? [] : [say("loop {number}", { number: loop })]),
  say("layer {number}", { number: layer })].join(" ");

// The stage whose numbers a stage reads, where that isn't told by its rule: the last one of vectors before it. None
// where stages between them are left out, such as those of a layer that wasn't chosen.
function readBy(stage) {
  const before = data.stages.slice(0, data.stages.indexOf(stage));
  const first = data.stages.find((other) => isSameLayer(other, stage) && ["queries", "keys", "values"].includes(other.name));
  const isProjected = ["queries", "keys", "values"].includes(stage.name);
  const candidates = isProjected ? data.stages.slice(0, data.stages.indexOf(first)) : before;
  const found = candidates.reverse().find((other) => !isMatrix(other) && !isOfKeys(other));
  const between = ({ number }) => number > found.number && number < stage.number;
  return found && data.stages.filter(between).length === stage.number - found.number - 1 ? found : null;
}

// --- language ---

// A text in the language that is chosen, with `values` in the place of its {names}.
function say(text, values = {}) {
  return textIn(text).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

const textIn = (text) => (state.language === "en" ? text : data.texts[state.language][text] ?? text);

function speak(language) {
  state.language = language;
  document.documentElement.lang = language;
  for (const text of Object.keys(words)) delete words[text];
  if (language !== "en") Object.assign(words, data.texts[language]); // what the shell says
  for (const element of document.querySelectorAll("[data-said]")) {
    element.dataset.said ||= element.textContent;
    element.textContent = say(element.dataset.said);
  }
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", say(element.dataset.label));
  }
  $("language").textContent = language === "en" ? "中文" : "English";
  $("language").lang = language === "en" ? "zh" : "en";
}

// --- tokens, which keep their place and colour ---

const colourOf = (token) => `hsl(${(token * 137.5 + 215) % 360} 65% 50%)`;

function chip(token, tag = "span", properties = {}) {
  const made = make(tag, { className: "chip", ...properties }, positionOf(token), tokenOf(data.tokens[token]));
  made.style.setProperty("--own", colourOf(token));
  return made;
}

function showTokens() {
  showHeader(data);
  const buttons = [...$("sequence").querySelectorAll("[data-position]")].map((item) => {
    const token = Number(item.dataset.position);
    const button = make("button", { className: "pick" }, ...item.querySelectorAll(".position, .input"));
    button.style.setProperty("--own", colourOf(token));
    button.setAttribute("aria-label", say("token {position}, {token}: through all stages",
      { position: token, token: data.tokens[token] }));
    button.addEventListener("click", () => follow(token));
    item.prepend(button);
    return button;
  });
  $("sequence").tabIndex = -1;
  rove($("sequence"), [buttons]);
  markTokens();
}

function markTokens() {
  const buttons = [...$("sequence").querySelectorAll(".pick")];
  buttons.forEach((button, token) => {
    button.setAttribute("aria-pressed", state.thread && token === state.token);
    button.classList.toggle("now", token === state.token);
  });
  stopAt(buttons, buttons[state.token]);
}
