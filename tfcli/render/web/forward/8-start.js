// What is shown, and how one moves: between stages, tokens, heads, and numbers.
function show() {
  if (!screens.length) return; // the numbers are still being unpacked
  $("help").textContent = say("Arrow keys: left and right for stages, up and down for tokens; n and p change the head, t follows the token, ? shows all keys.");
  showTokens();
  showMap();
  showStage();
}

function showStage() {
  const screen = here();
  const { stage } = screen;
  const place = [say("{number} of {count}", { number: state.screen + 1, count: screens.length }), screen.section];
  if (stage && stage.heads[headOf(stage)] !== null) place.push(say("head {number}", { number: stage.heads[headOf(stage)] }));
  $("where").textContent = place.join(" \u00b7 ");
  $("name").replaceChildren(...(state.thread ? [chip(state.token), ` ${say("through all stages")}`] : [textIn(screen.name)]));
  $("sentence").textContent = state.thread
    ? say("The row of this token at every stage, from its embedding to its logits. A stage opens with a click.")
    : stage ? textIn(stage.explanation) : screen.name === "tokens"
      ? say("What the model reads, token by token. Each keeps its place and its colour on all that follows.")
      : say("At each of these positions the symbol with the largest logit is the answer.");
  $("formula").textContent = state.thread || !stage ? "" : stage.formula;
  $("formula").hidden = $("formula").textContent === "";
  showMarks();
  nameStep($("back"), state.screen - 1, "\u2039 {name}");
  nameStep($("on"), state.screen + 1, "{name} \u203a");
  $("heads").hidden = true;
  if (state.thread) showThread();
  else {
    showHeads();
    showGrids();
  }
  showReading();
  showLearned();
}

function nameStep(button, screen, text) {
  button.disabled = !screens[screen];
  button.textContent = text.replace("{name}", screens[screen] ? textIn(screens[screen].name) : "");
}

// What holds of a stage, as measured.
function showMarks() {
  const stage = state.thread ? null : stageHere();
  const marks = [];
  if (stage) {
    const shares = stage.shares[headOf(stage)];
    if (shares && shares[0] !== null) {
      marks.push(say("of what the scores vary by, content is {content}, position {position}",
        { content: fixed(shares[0], 2), position: fixed(1 - Number(shares[0].toFixed(2)), 2) }));
    }
    marks.push(...stage.facts.map(textIn));
    if (stage.answer) {
      marks.push((stage.symbols ? say("the answer: ") : say("read off here, the answer would be: ")) + stage.answer.join(" "));
    }
    if (!stage.agrees) marks.push(say("warning: computed again, it differs by {deviation}", { deviation: off(stage) }));
  }
  $("check").textContent = stage?.agrees ? say("Computed again from the stages before, in double precision: at most {deviation} off.", { deviation: off(stage) }) : "";
  $("marks").replaceChildren(...marks.map((textContent) => make("li", { textContent })));
}

const off = ({ deviation }) => deviation.toExponential(0);

// The learned matrices that a stage is made with.
function showLearned() {
  const matrices = state.thread ? [] : here().matrices ?? [];
  $("learned").replaceChildren(...matrices.map((matrix) => {
    const head = headOf(matrix);
    const canvas = make("canvas", { className: "matrix" });
    paintUnits(canvas, [...unitsOf(matrix, head)], matrix.width, fullOf(matrix));
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", matrix.name);
    const size = say("{name}, learned: {rows} x {columns} numbers, from {low} to {high}", { name: matrix.name,
      rows: matrix.rows.length, columns: matrix.width, low: textOf(-fullOf(matrix)), high: textOf(fullOf(matrix)) });
    return make("figure", {}, make("figcaption", { className: "note", textContent: size }), canvas);
  }));
}

function go(screen) {
  if (!screens[screen]) return;
  Object.assign(state, { screen, thread: false, unfolded: false });
  const stage = stageHere();
  if (stage && rowOf(stage, state.token) < 0) state.token = stage.rows[0];
  markTokens();
  showMap();
  showStage();
}

function choose(token, column) {
  const stage = stageHere();
  const isOther = token !== state.token;
  state.token = token;
  state.columns[stage.axes[1]] = column;
  if (isOther) {
    markTokens();
    showMap();
  }
  $("shown").querySelector("figure:has(.picture)")?.replaceWith(pictureOf(stage, headOf(stage)));
  markCells();
  showReading();
}

function follow(token) {
  state.thread = !(state.thread && token === state.token);
  state.token = token;
  markTokens();
  showMap();
  showStage();
}

function stepToken(step) {
  const rows = stageHere()?.rows ?? data.tokens.map((_, token) => token);
  const token = state.thread ? clamp(state.token + step, 0, data.tokens.length - 1)
    : rows[clamp(rows.indexOf(state.token) + step, 0, rows.length - 1)];
  if (token === undefined || token === state.token) return;
  state.token = token;
  markTokens();
  showMap();
  showStage();
}

function switchHead(head) {
  const count = Math.max(...data.stages.map((stage) => stage.heads.length));
  if (head < 0 || head >= count) return;
  state.head = head;
  showMap();
  showStage();
}

function switchLanguage() {
  speak(state.language === "en" ? "zh" : "en");
  layOutScreens();
  applyTheme(); // draws all anew
}

const actions = () => ({
  ArrowLeft: () => go(state.screen - 1),
  ArrowRight: () => go(state.screen + 1),
  ArrowUp: () => stepToken(-1),
  ArrowDown: () => stepToken(1),
  Home: () => go(0),
  End: () => go(screens.length - 1),
  n: () => switchHead(state.head + 1),
  p: () => switchHead(state.head - 1),
  t: () => follow(state.token),
  l: switchLanguage,
  Escape: () => state.thread && follow(state.token),
});

function start() {
  $("back").addEventListener("click", () => go(state.screen - 1));
  $("on").addEventListener("click", () => go(state.screen + 1));
  $("language").addEventListener("click", switchLanguage);
  $("fold").addEventListener("click", () => {
    state.unfolded = !state.unfolded;
    showMap();
  });
  // A pointer chooses without moving the focus, so that the arrow keys go on stepping through the stages.
  document.addEventListener("mousedown", (event) => {
    if (event.target.closest(".grid, #heads, #stops, #sequence")) event.preventDefault();
  });
  let wide = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth !== wide) show();
    wide = innerWidth;
  });
  speak(document.documentElement.lang);
  if (typeof DecompressionStream === "undefined") {
    $("name").textContent = say("This browser can't unpack the numbers; open the page in one of 2023 or later.");
    return;
  }
  Promise.all([inflate(data.stages), inflate(data.numbers)]).then(([stages, numbers]) => {
    data.stages = JSON.parse(new TextDecoder().decode(stages));
    unpackStages(numbers);
    layOutScreens();
    $("stage").setAttribute("aria-busy", "false");
    show();
    performance.mark("stage drawn");
  });
}
