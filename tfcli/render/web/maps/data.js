// Rows are queries, columns are keys. Heads show one of their parts: the weights, or what the scores are the sum of.
const PARTS = ["content", "position", "weights"];
const LARGEST = 32767; // units of the largest score of a map

const views = data.map(prepare);
const state = {
  view: 0, part: "weights",
  together: false, // whether the overview shows all parts of each head side by side
  lines: false, // whether it shows all heads as lines instead of maps
  head: 0, large: false, query: null, key: null, zoom: 1, // of the one that is enlarged
};
const view = () => views[state.view];
const head = () => view().heads[state.head];
const tokens = () => view().tokens;

function prepare(view) {
  view.heads = view.layers.flatMap(({ loop, layer, heads }, row) =>
    heads.map((packed, column) => ({ loop, layer, head: packed.head, row, column, packed, unpacked: {} })));
  return view;
}

const nameLayer = ({ loop, layer }) => (loop ?? null) === null ? `layer ${layer}` : `loop ${loop} layer ${layer}`;
const nameHead = ({ head }) => typeof head === "number" ? `head ${head}` : head;
const titleOf = (head) => `${nameLayer(head)} ${nameHead(head)}`;

// The numbers of a head's part, query after query; NaN where they are masked, null if it has none. They are
// unpacked when they are first asked for.
function numbersOf(head, part) {
  const packed = head.packed[part];
  if (!packed) return null;
  head.unpacked[part] ??= part === "weights" ? unpackWeights(packed) : unpackScores(packed);
  return head.unpacked[part];
}

const numberAt = (head, part, query, key) => numbersOf(head, part)?.[query * tokens().length + key];
const weightsOf = (head) => numbersOf(head, "weights");
const weightAt = (query, key) => numberAt(head(), "weights", query, key);
const weightsOfQuery = (query) => tokens().map((_, key) => weightAt(query, key));
const weightsOfKey = (key) => tokens().map((_, query) => weightAt(query, key));
const strongest = (weights) => weights.indexOf(Math.max(...weights));

// Why a head has no numbers of a part, or what else is in them.
function remarkOn({ packed }, part) {
  if (part === "weights") return "";
  if (!("mixed" in packed)) {
    return view().scores ? "This map sums up several heads: it has weights alone."
      : "So many tokens are shown by their weights alone; choose fewer layers and heads.";
  }
  if (part === "content") {
    if (packed.content === null) return "No q\u00b7k: this head has no queries and keys, only a position bias.";
    return packed.mixed ? `q\u00b7k holds both: ${packed.mixed}.` : "";
  }
  if (packed.position !== null) return "";
  return packed.mixed ? `No position bias: ${packed.mixed}, so q\u00b7k holds both.`
    : "No position bias: the scores are q\u00b7k alone.";
}

const comparable = () => views.filter((other) => other.tokens.length === tokens().length);

// The number of the full colour. Views of one length share it, so that the steps of a training compare, and so do
// both parts of the scores, so that their colours tell which one is larger.
function fullOf(part) {
  const which = `${part} ${tokens().length}`;
  if (!fulls.has(which)) fulls.set(which, findFull(part));
  return fulls.get(which);
}

const fulls = new Map();

function findFull(part) {
  if (part === "weights") {
    const peak = Math.max(...comparable().map((other) => other.peak));
    return peak < 0.5 ? peak : 1;
  }
  const scores = comparable().flatMap((other) => other.heads).flatMap(({ packed }) => [packed.content, packed.position]);
  return Math.max(...scores.map((part) => (part?.unit ?? 0) * LARGEST));
}

const fullWeight = () => fullOf("weights");

// What the score of a cell is the sum of, in words; nothing where the parts aren't there.
function sumOf(head, query, key) {
  const [content, position] = ["content", "position"].map((part) => numberAt(head, part, query, key));
  if (content === undefined && position === undefined) return "";
  if (Number.isNaN(content ?? position)) return "masked";
  const terms = [...(content === undefined ? [] : [`q\u00b7k ${signed(content)}`]),
    ...(position === undefined ? [] : [`position ${signed(position)}`])];
  const score = (content ?? 0) + (position ?? 0);
  return terms.length > 1 ? `score ${signed(score)} = ${terms.join(" + ")}` : `score = ${terms[0]}`;
}

// With a real minus sign, which is as wide as a digit.
const signed = (number, decimals = 2) => number.toFixed(decimals).replace("-", "\u2212").replace(/^\u2212(0(\.0+)?)$/, "$1");
