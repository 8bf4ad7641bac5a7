// Rows are queries, columns are keys.
const views = data.map(prepare);
const opened = Math.max(0, views.findIndex((view) => view.first));
const state = { view: opened, head: 0, query: null, key: null, large: false, zoom: 1 };
const view = () => views[state.view];
const head = () => view().heads[state.head];
const tokens = () => view().tokens;

function prepare(view) {
  view.heads = view.layers.flatMap(({ loop, layer, heads }, row) =>
    heads.map(({ head, weights }, column) => ({ loop, layer, head, row, column, packed: weights, weights: null })));
  return view;
}

function titleOf({ loop, layer, head }) {
  const where = loop === null || loop === undefined ? `layer ${layer}` : `loop ${loop} layer ${layer}`;
  return typeof head === "number" ? `${where} head ${head}` : `${where} ${head}`;
}

// A head's weights 0-1, query after query. They are unpacked when they are first asked for.
function weightsOf(head) {
  head.weights ??= unpackWeights(head.packed);
  return head.weights;
}

const weightAt = (query, key) => weightsOf(head())[query * tokens().length + key];
const weightsOfQuery = (query) => tokens().map((_, key) => weightAt(query, key));
const weightsOfKey = (key) => tokens().map((_, query) => weightAt(query, key));
const strongest = (weights) => weights.indexOf(Math.max(...weights));

// The weight of the full colour. Views of one length share it, so that the steps of a training compare.
function fullWeight() {
  const peak = Math.max(...views.filter((v) => v.tokens.length === tokens().length).map((v) => v.peak));
  return peak < 0.5 ? peak : 1;
}
