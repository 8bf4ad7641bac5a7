// All numbers are whole units, rounded as the trace prints them; NONE where there is none. The rules are those of
// `units.py`.
const UNIT = data.unit; // of a number of 1
const DECIMALS = Math.log10(UNIT);
const NONE = -0x80000000;

async function inflate(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Gives each stage its `units`, an array of rows times width for each head.
function unpackStages(bytes) {
  const blocks = data.stages.flatMap((stage) =>
    stage.bytes.map((size) => ({ size, codes: new Float64Array(stage.rows.length * stage.width) })));
  let at = 0;
  for (let place = 0; at < bytes.length; place++) {
    for (const { size, codes } of blocks) {
      if (place < size) for (let i = 0; i < codes.length; i++) codes[i] += bytes[at++] * 256 ** place;
    }
  }
  let next = 0;
  for (const stage of data.stages) {
    stage.units = [];
    for (const head of stage.bytes.keys()) stage.units.push(decode(stage, head, blocks[next++].codes));
  }
}

function decode(stage, head, codes) {
  const predicted = stage.rule ? predict(stage, head) : null;
  const units = new Int32Array(codes.length);
  codes.forEach((code, i) => {
    const guess = predicted ? predicted[i] : stage.step === null ? 0 : aboveOf(units, stage, i);
    units[i] = code === 0 ? NONE : guess + (code % 2 ? (code - 1) / 2 : -code / 2);
  });
  return units;
}

// What stands in the row above, some columns to the left.
function aboveOf(units, { width, step }, i) {
  return i < width || i % width < step ? 0 : filled(units[i - width - step]);
}

const filled = (units) => (units === NONE ? 0 : units);
const sourcesOf = (stage) => stage.from.map((i) => (i === null ? null : data.stages[i]));
const unitsOf = (stage, head) => stage.units[Math.min(head, stage.units.length - 1)];

function predict(stage, head) {
  const sources = sourcesOf(stage);
  if (stage.rule === "joined") return join(sources[0], stage);
  return RULES[stage.rule](stage, sources, ...sources.map((source) => source && unitsOf(source, head)));
}

const each = (stage, unitsAt) =>
  Float64Array.from({ length: stage.rows.length * stage.width }, (_, i) => unitsAt(Math.floor(i / stage.width), i % stage.width));

const RULES = {
  scores: (stage, [queries], q, k, bias) => each(stage, (row, column) => {
    const product = productOf(q, k, row, column, queries.width) * stage.scale / UNIT;
    return Math.floor(product + (bias ? filled(bias[row * stage.width + column]) : 0) + 0.5);
  }),
  weights: (stage, _, scores) => {
    const powers = powersOf(stage, scores);
    return each(stage, (row, column) =>
      Math.floor(powers[row].powers[column] / powers[row].total * UNIT + 0.5));
  },
  mixture: (stage, [weights], a, v) => each(stage, (row, column) => {
    let sum = 0;
    for (let key = 0; key < weights.width; key++) {
      sum += filled(a[row * weights.width + key]) * filled(v[key * stage.width + column]);
    }
    return Math.floor(sum / UNIT + 0.5);
  }),
  sum: (stage, _, x, added) => each(stage, (row, column) => {
    const i = row * stage.width + column;
    return filled(x[i]) + filled(added[i]);
  }),
};

function productOf(q, k, row, column, width) {
  let sum = 0;
  for (let i = 0; i < width; i++) sum += filled(q[row * width + i]) * filled(k[column * width + i]);
  return sum;
}

function powersOf(stage, scores) {
  return stage.rows.map((_, row) => {
    const own = scores.subarray(row * stage.width, (row + 1) * stage.width);
    const seen = own.filter((units) => units !== NONE);
    const highest = seen.length ? Math.max(...seen) : 0;
    const powers = Array.from(own, (units) => (units === NONE ? 0 : Math.exp((units - highest) / UNIT)));
    return { powers, highest, total: powers.reduce((sum, power) => sum + power, 0) || 1 };
  });
}

function join(source, stage) {
  const width = stage.width / source.units.length;
  return each(stage, (row, column) => filled(source.units[Math.floor(column / width)][row * width + column % width]));
}

// --- reading numbers ---

const textOf = (units) => (units === NONE ? "\u2212\u221e" : signed((units / UNIT).toFixed(DECIMALS)));
const signed = (text) => (Number(text) === 0 ? text.replace("-", "") : text.replace("-", "\u2212"));
const rowOf = (stage, token) => stage.rows.indexOf(token); // -1 where a stage is of the answers alone

function unitsAt(stage, head, token, column) {
  return unitsOf(stage, head)[rowOf(stage, token) * stage.width + column];
}

function unitsOfRow(stage, head, token) {
  const row = rowOf(stage, token);
  return row < 0 ? [] : [...unitsOf(stage, head).subarray(row * stage.width, (row + 1) * stage.width)];
}

const isOfKeys = (stage) => stage.axes[1] === "key";
const isWeights = (stage) => stage.rule === "weights" || stage.name === "attention weights";
const isMatrix = (stage) => stage.axes[0] === "channel";

// The number of the full colour, the same for all heads; small weights are scaled to the largest of them.
function fullOf(stage) {
  stage.full ??= Math.max(1, ...stage.units.map((units) =>
    units.reduce((most, one) => Math.max(most, Math.abs(filled(one))), 0)));
  return isWeights(stage) && stage.full >= UNIT / 2 ? UNIT : stage.full;
}
