const LISTED = 20;

function showLists() {
  const { query, key } = state;
  $("hint").hidden = query !== null;
  for (const id of ["looks-at", "looked-at-by"]) $(id).parentElement.hidden = query === null;
  if (query === null) return;
  const by = state.part === "weights" ? "" : ", by weight";
  showList($("looks-at"), "key", [...named("query ", query), ` looks at${by}`], weightsOfQuery(query));
  showList($("looked-at-by"), "query", [...named("key ", key), ` is looked at by${by}`], weightsOfKey(key));
}

// The positions in order of weight, the largest first; what is not listed is summed up.
function showList(list, kind, heading, weights) {
  const order = weights.map((weight, i) => [weight, i]).sort((a, b) => b[0] - a[0]);
  const rest = order.slice(LISTED);
  const together = rest.reduce((sum, [weight]) => sum + weight, 0);
  list.previousElementSibling.replaceChildren(...heading);
  list.replaceChildren(...order.slice(0, LISTED).map(([weight, i]) => listed(kind, i, weight)));
  list.nextElementSibling.textContent = rest.length ? `${rest.length} more, together ${together.toFixed(4)}` : "";
}

function listed(kind, i, weight) {
  const number = make("b", { textContent: weight.toFixed(4) });
  const item = make("li", {}, positionOf(i), tokenOf(tokens()[i]), number);
  Object.assign(item.dataset, { [kind]: i, weight: weight.toFixed(6) });
  item.style.setProperty("--share", `${100 * weight / fullWeight()}%`);
  return item;
}
