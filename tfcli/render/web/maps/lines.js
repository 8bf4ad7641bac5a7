const MANY = 64; // tokens; with more, only the lines of one query are drawn

function showLines() {
  const canvas = $("lines").querySelector("canvas");
  const [width, height] = [canvas.clientWidth, tokens().length * layout.pitch];
  canvas.style.height = `${height}px`;
  Object.assign(canvas, { width: width * devicePixelRatio, height: height * devicePixelRatio });
  const pen = canvas.getContext("2d");
  pen.scale(devicePixelRatio, devicePixelRatio);
  const few = tokens().length <= MANY;
  const least = fullWeight() / 20;
  const stroke = (name) => { pen.strokeStyle = themed(name); };
  stroke(state.query === null ? "--accent" : "--faint");
  if (few) tokens().forEach((_, query) => drawLines(pen, query, width, least));
  stroke("--accent");
  if (state.query !== null) drawLines(pen, state.query, width, least);
  const limit = least.toFixed(least < 0.05 ? 4 : 2);
  $("lines-note").textContent = `${few ? "" : "Point at a query to see its lines. "}Weights below ${limit} are left out.`;
}

function drawLines(pen, query, width, least) {
  const height = (i) => (i + 0.5) * layout.pitch;
  weightsOfQuery(query).forEach((weight, key) => {
    if (weight < least) return;
    const share = weight / fullWeight();
    pen.globalAlpha = 0.15 + 0.85 * share;
    pen.lineWidth = 0.5 + 3.5 * share;
    pen.beginPath();
    pen.moveTo(0, height(query));
    pen.bezierCurveTo(width / 2, height(query), width / 2, height(key), width, height(key));
    pen.stroke();
  });
}

// On the left half a query is pointed at, on the right half a key.
function pointAtLines(event) {
  const box = $("lines").getBoundingClientRect();
  const i = cellAt(event.clientY, box.top, box.height);
  if (event.clientX < box.left + box.width / 2) choose(i, strongest(weightsOfQuery(i)));
  else choose(state.query ?? strongest(weightsOfKey(i)), i);
}
