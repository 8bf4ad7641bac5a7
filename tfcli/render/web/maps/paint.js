function paint(canvas, weights, n = tokens().length) {
  const full = fullWeight();
  canvas.width = canvas.height = n;
  const image = new ImageData(n, n);
  for (let i = 0; i < weights.length; i++) {
    const [red, green, blue] = shadeOf(weights[i], full);
    image.data[4 * i] = red;
    image.data[4 * i + 1] = green;
    image.data[4 * i + 2] = blue;
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

// The largest of each square of `block` x `block` weights: a thin diagonal stays visible in a small map.
function shrink(weights, block) {
  const n = tokens().length;
  const side = Math.ceil(n / block);
  const largest = new Float32Array(side * side);
  for (let query = 0; query < n; query++) {
    for (let key = 0; key < n; key++) {
      const i = Math.floor(query / block) * side + Math.floor(key / block);
      largest[i] = Math.max(largest[i], weights[query * n + key]);
    }
  }
  return largest;
}

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

function showPicture() {
  $("picture").hidden = !view().picture;
  if (!view().picture) return;
  const query = state.query ?? view().first_answer;
  paintPicture($("picture").querySelector("canvas"), [weightsOfQuery(query)]);
  $("picture").querySelector("p").replaceChildren(...named("query ", query), " looks at these patches");
}
