// Below the numbers of a stage: how the chosen one comes about, number by number.
const WORKED = {
  scores: workScores,
  weights: workWeights,
  mixture: workMixture,
  joined: (cell) => [told(say("Head {head} found it: it is channel {channel} there.", placeInHead(cell))), ...workRow(cell)],
  sum: workSum,
  product: workProduct,
  logits: workLogits,
  row: workRow,
};

const told = (textContent) => make("p", { className: "note", textContent });
const heading = (textContent) => make("h3", { textContent });
const rounding = () => told(say("Products and sums are of the rounded numbers that stand here, so their last digit may be off."));
const nameOf = (stage) => [textIn(stage.name), ...(stage.layer === null ? [] : [layerOf(stage)])].join(", ");

// a x b = c for each channel, shaded by what it adds.
function productCards(pairs) {
  const products = pairs.map(([one, other]) => one * other / UNIT);
  const full = Math.max(1, ...products.map(Math.abs));
  return make("ol", { className: "cards" }, ...pairs.map(([one, other], i) => {
    const product = make("b", { textContent: `= ${fixed(products[i] / UNIT)}` });
    const colour = shadeOf(products[i], full);
    Object.assign(product.style, { background: `rgb(${colour.join(" ")})`, color: inkOn(colour) });
    return make("li", {}, make("span", { className: "position", textContent: i }), make("span", { textContent: textOf(one) }),
      make("span", { textContent: `\u00d7 ${textOf(other)}` }), product);
  }));
}

function stepsOf(steps) {
  return make("dl", { className: "steps" }, ...steps.flatMap(([name, text]) =>
    [make("dt", { textContent: name }), make("dd", { className: "number", textContent: text })]));
}

function tableOf(names, lines, last) {
  const table = make("table", { className: "list" },
    make("thead", {}, make("tr", {}, ...names.map((name) => make("th", { scope: "col", textContent: name })))),
    make("tbody", {}, ...lines), ...(last ? [make("tfoot", {}, last)] : []));
  return frameOf(table, names.join(", "));
}

// What may be wider than the window, and is scrolled then.
function frameOf(table, label) {
  const frame = make("div", { className: "scroll", tabIndex: 0 }, table);
  frame.setAttribute("role", "region");
  frame.setAttribute("aria-label", label);
  return frame;
}

function line(first, ...numbers) {
  return make("tr", {}, make("th", { scope: "row" }, first),
    ...numbers.map((number) => make("td", { className: "number", textContent: number })));
}

// A bar behind a line, as long as its share of the largest.
function barred(made, share, isNow) {
  made.style.setProperty("--share", `${100 * clamp(Math.abs(share), 0, 1)}%`);
  made.classList.toggle("negative", share < 0);
  made.classList.toggle("now", Boolean(isNow));
  return made;
}

function workScores(cell) {
  const { stage, head, token, column, units } = cell;
  const pairs = pairsOfScore(cell);
  const sum = productSum(pairs);
  const bias = biasOf(cell);
  const content = units === NONE ? fixed(sum * stage.scale) : textOf(contentAt(stage, head, rowOf(stage, token), column));
  return [heading(say("q times k, channel by channel")), productCards(pairs), stepsOf([
    [say("the sum of the products, q k"), fixed(sum)],
    [say("times {scale}: content", { scale: scaleOf(stage) }), content],
    ...(bias === null ? [] : [[say("plus the position bias"), textOf(bias)]]),
    [units === NONE ? say("masked: this key may not be looked at") : say("the score"), textOf(units)],
  ]), rounding()];
}

function workWeights(cell) {
  const { stage, head, token, column } = cell;
  const [scores] = sourcesOf(stage);
  const row = unitsOfRow(scores, head, token);
  const weights = unitsOfRow(stage, head, token);
  const { powers, highest, total: all } = powersOf({ ...scores, rows: [token] }, Int32Array.from(row))[0];
  const most = Math.max(...weights);
  const lines = row.map((one, key) => barred(line(chip(key), textOf(one), fixed(powers[key]), textOf(weights[key])),
    weights[key] / most, key === column));
  const names = [say("key"), say("score"), `exp(${say("score")} \u2212 ${inBrackets(textOf(highest))})`, say("weight")];
  const softmax = make("div", {}, heading(say("the softmax of its row")),
    tableOf(names, lines, line(say("together"), "", fixed(all), fixed(total(weights) / UNIT, 2))),
    told(say("The weight is the third column over its sum.")));
  const scored = cellOf(scores, token, column);
  const dot = follows(scored) ? [make("div", {}, heading(say("its score")),
    make("p", { className: "formula filled", textContent: FILLED.scores(scored) }), ...workScores(scored))] : [];
  return [make("div", { className: "columns" }, softmax, ...dot)];
}

function workMixture(cell) {
  const terms = termsOfMixture(cell);
  const most = Math.max(1, ...terms.map(([, a, v]) => Math.abs(a * v)));
  const lines = terms.map(([key, a, v]) =>
    barred(line(chip(key), textOf(a), textOf(v), fixed(a * v / UNIT / UNIT)), a * v / most));
  const names = [say("key"), say("weight"), `v[${cell.column}]`, say("weight times v")];
  return [heading(say("the values, in the shares that the weights give")),
    tableOf(names, lines, line(say("together"), "", "", textOf(cell.units))), rounding()];
}

function workSum(cell) {
  const [before, added] = summandsOf(cell);
  const [stream, part] = sourcesOf(cell.stage).map(nameOf);
  return [stepsOf([[say("what came in: {stage}", { stage: stream }), textOf(before)],
    [say("what is added: {stage}", { stage: part }), textOf(added)], [textIn(cell.stage.name), textOf(cell.units)]]),
  ...workRow(cell)];
}

function workProduct(cell) {
  const { matrix, from } = matrixOf(cell);
  const pairs = pairsOfProduct(cell);
  const rest = restOf(cell);
  return [heading(say("{stage} times column {column} of {matrix}", { stage: nameOf(from), column: cell.column, matrix: matrix.name })),
    productCards(pairs), stepsOf([[say("the sum of the products"), fixed(productSum(pairs), 2)],
      ...(rest === null ? [] : [[say("the rest of the formula: bias, and what positions do"), fixed(rest, 2)]]),
      [textIn(cell.stage.name), textOf(cell.units)]]), rounding(), ...workRow(cell)];
}

function workLogits({ stage, token, column }) {
  const order = orderOf(unitsOfRow(stage, 0, token)).slice(0, 12);
  const most = Math.max(1, ...order.map(({ units }) => Math.abs(units)));
  const lines = order.map(({ units, i }) => barred(line(tokenOf(stage.symbols[i]), textOf(units)), units / most, i === column));
  return [told(say("The largest of its row is the answer: {symbol}.", { symbol: stage.symbols[order[0].i] })),
    tableOf([say("symbol"), say("logit")], lines)];
}

// The row of a token, and what its mean and variance were before: what a norm is about.
function workRow({ stage, head, token, column }) {
  const row = unitsOfRow(stage, head, token);
  const from = stage.rule || isOfKeys(stage) ? null : readBy(stage);
  const cells = row.map((one, i) => {
    const item = make("li", {}, make("span", { className: "position", textContent: nameOfColumn(stage, i) }), textOf(one));
    item.classList.toggle("now", i === column);
    return item;
  });
  const isReadable = $("shown").querySelector(".numbered") !== null;
  return [heading(say("the whole row")),
    ...(from && rowOf(from, token) >= 0 ? [told(say("before, {stage}: {spread}", { stage: nameOf(from),
      spread: spreadOf(unitsOfRow(from, headOf(from), token)) }))] : []),
    ...(isOfKeys(stage) ? [] : [told(say("here: {spread}", { spread: spreadOf(row) }))]),
    ...(isReadable ? [] : [make("ol", { className: "row" }, ...cells)])];
}

function spreadOf(units) {
  const { mean, variance } = momentsOf(units);
  return say("mean {mean}, variance {variance}", { mean: fixed(mean), variance: fixed(variance) });
}
