// The picture that was read, once for each row of weights, tinted where the patches are that it looks at.
function paintPicture(canvas, rows) {
  const { pixels, first, across, peak, colour, tint } = view().picture;
  const side = pixels.length;
  Object.assign(canvas, { width: rows.length * (side + 1) - 1, height: side });
  canvas.style.aspectRatio = `${canvas.width} / ${side}`;
  const pen = canvas.getContext("2d");
  const patchOf = (x, y) => first + Math.floor(y * across / side) * across + Math.floor(x * across / side);
  rows.forEach((weights, number) => pixels.forEach((line, y) => line.forEach((ink, x) => {
    const share = tint * Math.min(1, weights[patchOf(x, y)] / peak);
    pen.fillStyle = `rgb(${colour.map((part) => Math.round((1 - share) * 255 * ink + share * part)).join(" ")})`;
    pen.fillRect(number * (side + 1) + x, y, 1, 1);
  })));
}

function rowsOfAnswers(head) {
  const { first_answer: first, prediction } = view();
  const n = tokens().length;
  return prediction.map((_, i) => weightsOf(head).subarray((first + i) * n, (first + i + 1) * n));
}

// Of the head that is enlarged.
function showPicture() {
  $("picture").hidden = !view().picture;
  if (!view().picture) return;
  const query = state.query ?? view().first_answer;
  paintPicture($("picture").querySelector("canvas"), [weightsOfQuery(query)]);
  $("picture").querySelector("p").replaceChildren(...named("query ", query), " looks at these patches");
}
