// The first screen and the last: what is read, and what is answered.
function tokensShown() {
  const list = make("ol", { className: "tokens" }, ...data.tokens.map((_, token) => {
    const button = chip(token, "button");
    button.classList.toggle("now", token === state.token);
    button.addEventListener("click", () => follow(token));
    return make("li", {}, button);
  }));
  return data.picture ? [pictureOf(null, 0), list] : [list];
}

function answerShown() {
  const logits = data.stages.find((stage) => stage.symbols);
  const lines = data.prediction.map((symbol, i) => {
    const token = data.first_answer + i;
    const right = data.target[i];
    const best = logits ? orderOf(unitsOfRow(logits, 0, token)).slice(0, 2) : [];
    const line = make("tr", {}, make("th", { scope: "row" }, chip(token)), make("td", {}, tokenOf(symbol, "answer")));
    line.dataset.token = token;
    for (const place of [0, 1]) {
      const text = best[place] && `${logits.symbols[best[place].i]} ${textOf(best[place].units)}`;
      line.append(make("td", { className: "number", textContent: text ?? "" }));
    }
    line.append(make("td", { textContent: right ? (right === symbol ? say("right") : say("right is {right}", { right })) : "" }));
    if (right && right !== symbol) line.dataset.wrong = "";
    return line;
  });
  const heads = [say("position"), say("answer"), say("largest logit"), say("the next"), ""].map((textContent) =>
    make(textContent ? "th" : "td", { textContent }));
  return [frameOf(make("table", { className: "list" },
    make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...lines)), say("answer"))];
}

const orderOf = (units) => units.map((one, i) => ({ units: one, i })).sort((a, b) => b.units - a.units);

// The picture that was read, with the chosen patch framed, and what a query looks at glowing.
function pictureOf(stage, head) {
  const { pixels, first, across } = data.picture;
  const side = pixels.length;
  const canvas = make("canvas", { className: "picture", width: side * 8, height: side * 8 });
  const pen = canvas.getContext("2d");
  const row = stage && isWeights(stage) ? unitsOfRow(stage, head, state.token) : [];
  const most = Math.max(1, ...row.slice(first, first + across * across));
  pixels.forEach((line, y) => line.forEach((ink, x) => {
    const patch = first + Math.floor(y * across / side) * across + Math.floor(x * across / side);
    const share = row.length ? 0.75 * filled(row[patch]) / most : 0;
    pen.fillStyle = `rgb(${[235, 95, 20].map((part) => Math.round((1 - share) * 255 * ink + share * part)).join(" ")})`;
    pen.fillRect(x * 8, y * 8, 8, 8);
  }));
  const patch = state.token - first;
  if (patch >= 0 && patch < across * across) {
    const width = side * 8 / across;
    Object.assign(pen, { strokeStyle: colourOf(state.token), lineWidth: 3 });
    pen.strokeRect((patch % across) * width + 1.5, Math.floor(patch / across) * width + 1.5, width - 3, width - 3);
  }
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", say("the picture that is read"));
  const caption = make("figcaption", { className: "note", textContent: row.length ? say("What the query looks at glows.") : "" });
  return make("figure", {}, canvas, caption);
}
