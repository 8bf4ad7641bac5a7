// The number that is chosen: where it stands, and the formula of the stage with the actual numbers put in.
const SHOWN = 3; // terms that a formula is filled in with
const NEAR = 3; // units: what is computed of rounded numbers may be so far off

function showReading() {
  const stage = stageHere();
  const isShown = Boolean(stage) && !state.thread && rowOf(stage, state.token) >= 0;
  $("reading").hidden = $("sums").hidden = !isShown;
  for (const name of Object.keys($("reading").dataset)) delete $("reading").dataset[name];
  if (!isShown) return $("sums").replaceChildren();
  const cell = cellOf(stage, state.token, columnOf(stage));
  const kind = kindOf(cell);
  $("cell").replaceChildren(...nameCell(cell));
  $("filled").textContent = FILLED[kind](cell);
  $("sums").replaceChildren(...WORKED[kind](cell));
  Object.assign($("reading").dataset, { stage: stage.number, head: stage.heads[cell.head] ?? "", token: cell.token,
    column: cell.column, number: textOf(cell.units) });
}

function cellOf(stage, token, column) {
  const head = headOf(stage);
  return { stage, head, token, column, units: unitsAt(stage, head, token, column) };
}

function kindOf(cell) {
  if (follows(cell)) return cell.stage.rule;
  if (cell.stage.symbols) return "logits";
  return matrixOf(cell) ? "product" : "row";
}

// Whether a row is what the rule makes of the stages before; a part of the user's own may make another.
function follows({ stage, head, token }) {
  if (!stage.rule) return false;
  stage.predicted ??= [];
  stage.predicted[head] ??= predict(stage, head);
  const predicted = stage.predicted[head].subarray(rowOf(stage, token) * stage.width);
  return unitsOfRow(stage, head, token).every((one, i) =>
    one === NONE || Math.abs(one - predicted[i]) <= NEAR + Math.abs(one) / 500);
}

function nameCell({ stage, token, column }) {
  if (isOfKeys(stage)) return [say("query"), " ", chip(token), ` ${say("looks at key")} `, chip(column)];
  const name = tokenOf(nameOfColumn(stage, column));
  return [chip(token), ` ${stage.symbols ? say("symbol") : say("channel")} `, name];
}

const fixed = (number, digits = DECIMALS) => signed(number.toFixed(digits));
const inBrackets = (text) => (text.startsWith("\u2212") ? `(${text})` : text);
const sumOf = (terms) => (terms.length > SHOWN + 1 ? [...terms.slice(0, SHOWN), "\u2026"] : terms).join(" + ");
const productsOf = (pairs) => sumOf(pairs.map(([one, other]) => `${inBrackets(textOf(one))}\u00b7${inBrackets(textOf(other))}`));
const total = (numbers) => numbers.reduce((sum, one) => sum + one, 0);
const productSum = (pairs) => total(pairs.map(([one, other]) => one * other)) / UNIT / UNIT;
const letterOf = ({ name }) => ({ queries: "q", keys: "k", values: "v", "position bias": "b", scores: "score",
  "attention weights": "a" })[name] ?? "x";
const scaleOf = (stage) => `1/\u221a${fixed(stage.scale ** -2, 0)}`;

// --- what a number is made of ---

const biasOf = ({ stage, head, token, column }) => {
  const bias = sourcesOf(stage)[2];
  return bias ? unitsAt(bias, head, token, column) : null;
};

function pairsOfScore({ stage, head, token, column }) {
  const [queries, keys] = sourcesOf(stage);
  const k = unitsOfRow(keys, head, column);
  return unitsOfRow(queries, head, token).map((one, i) => [one, k[i]]);
}

// By weight, the largest first: the key, its weight, and its value in this channel.
function termsOfMixture({ stage, head, token, column }) {
  const [weights, values] = sourcesOf(stage);
  return orderOf(unitsOfRow(weights, head, token)).map(({ units, i }) => [i, units, unitsAt(values, head, i, column)]);
}

const summandsOf = ({ stage, token, column }) => sourcesOf(stage).map((source) => unitsAt(source, 0, token, column));

function placeInHead({ stage, column }) {
  const [source] = sourcesOf(stage);
  const width = stage.width / source.units.length;
  return { head: source.heads[Math.floor(column / width)], channel: column % width };
}

// The learned matrix that a stage is made with, and the row that is multiplied by it; null where the page hasn't both.
function matrixOf({ stage, head, token }) {
  const matrix = screens.find((screen) => screen.stage === stage).matrices[0];
  const from = readBy(stage);
  if (!matrix || !from || matrix.width !== stage.width || rowOf(from, token) < 0) return null;
  const whole = unitsOfRow(from, headOf(from), token);
  const height = matrix.rows.length;
  if (whole.length % height) return null;
  const x = whole.length === height ? whole : whole.slice(head * height, (head + 1) * height); // the head's slice
  return { matrix, from, x };
}

function pairsOfProduct(cell) {
  const { matrix, x } = matrixOf(cell);
  const learned = unitsOf(matrix, cell.head);
  return x.map((one, i) => [one, learned[i * matrix.width + cell.column]]);
}

// What else there is to a product, such as a bias: none where it is no more than rounding.
function restOf(cell) {
  const rest = cell.units / UNIT - productSum(pairsOfProduct(cell));
  return Math.abs(rest) < 5 / UNIT ? null : rest;
}

// --- the formula with the numbers put in ---

const FILLED = {
  scores: (cell) => {
    if (cell.units === NONE) return `score = ${textOf(NONE)}`;
    const bias = biasOf(cell);
    return `score = (${productsOf(pairsOfScore(cell))}) \u00d7 ${scaleOf(cell.stage)}${
      bias === null ? "" : ` + ${inBrackets(textOf(bias))}`} = ${textOf(cell.units)}`;
  },
  weights: (cell) => {
    const row = unitsOfRow(sourcesOf(cell.stage)[0], cell.head, cell.token);
    const own = row[cell.column] === NONE ? "0" : `exp(${textOf(row[cell.column])})`;
    const others = row.filter((one, key) => one !== NONE && key !== cell.column).map((one) => `exp(${textOf(one)})`);
    return `a = ${own} / (${sumOf(own === "0" ? others : [own, ...others])}) = ${textOf(cell.units)}`;
  },
  mixture: (cell) => `z[${cell.column}] = ${productsOf(termsOfMixture(cell).map(([, a, v]) => [a, v]))} = ${textOf(cell.units)}`,
  joined: (cell) => {
    const { head, channel } = placeInHead(cell);
    return `c[${cell.column}] = z_${head}[${channel}] = ${textOf(cell.units)}`;
  },
  sum: (cell) => {
    const [before, added] = summandsOf(cell).map(textOf);
    return `x[${cell.column}] = ${before} + ${inBrackets(added)} = ${textOf(cell.units)}`;
  },
  product: (cell) => {
    const rest = restOf(cell);
    const made = `${productsOf(pairsOfProduct(cell))}${rest === null ? "" : ` + ${inBrackets(fixed(rest, 2))}`}`;
    return `${letterOf(cell.stage)}[${cell.column}] = ${made} = ${textOf(cell.units)}`;
  },
  logits: (cell) => `logit(${cell.stage.symbols[cell.column]}) = ${textOf(cell.units)}`,
  row: (cell) => `${fillWithSpread(cell) ?? `${letterOf(cell.stage)}[${nameOfColumn(cell.stage, cell.column)}]`} = ${textOf(cell.units)}`,
};

// A formula that tells of a mean, as those of norms do, with the number that is read and what its row is like.
function fillWithSpread({ stage, token, column }) {
  const from = /\bmean\b/.test(stage.formula) && !isOfKeys(stage) ? readBy(stage) : null;
  if (!from || from.width !== stage.width || rowOf(from, token) < 0) return null;
  const row = unitsOfRow(from, headOf(from), token);
  const { mean, variance } = momentsOf(row);
  const numbers = { "mean(x^2)": variance + mean ** 2, mean, variance };
  return stage.formula.replace(/mean\(x\^2\)|\bmean\b|\bvariance\b|\bx\b/g,
    (word) => inBrackets(word === "x" ? textOf(row[column]) : fixed(numbers[word])));
}

function momentsOf(units) {
  const numbers = units.filter((one) => one !== NONE).map((one) => one / UNIT);
  const mean = total(numbers) / numbers.length;
  return { mean, variance: total(numbers.map((one) => (one - mean) ** 2)) / numbers.length };
}
