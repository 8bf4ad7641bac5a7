const DIGIT = 6.7; // pixels of one on a cell, at the smallest

function paint(canvas, numbers, part, n = tokens().length) {
  const full = fullOf(part);
  canvas.width = canvas.height = n;
  const image = new ImageData(n, n);
  for (let i = 0; i < numbers.length; i++) {
    const [red, green, blue] = shadeOf(numbers[i], full);
    image.data[4 * i] = red;
    image.data[4 * i + 1] = green;
    image.data[4 * i + 2] = blue;
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

// Of each square of `block` x `block` numbers the one farthest from zero: a thin diagonal stays visible in a small map.
function shrink(numbers, block) {
  const n = tokens().length;
  const side = Math.ceil(n / block);
  const largest = new Float32Array(side * side).fill(NaN);
  for (let query = 0; query < n; query++) {
    for (let key = 0; key < n; key++) {
      const i = Math.floor(query / block) * side + Math.floor(key / block);
      const number = numbers[query * n + key];
      if (!Number.isNaN(number) && !(Math.abs(largest[i]) >= Math.abs(number))) largest[i] = number;
    }
  }
  return largest;
}

// The numbers of a part for the cells of a map, with as many decimals as have room in all of them; none if not even
// whole ones have.
function numberSpans(numbers, part, cell) {
  const full = fullOf(part);
  const ways = [2, 1, 0].slice(0, part === "weights" ? 1 : 3)
    .map((decimals) => (number) => part === "weights" ? number.toFixed(decimals) : signed(number, decimals));
  const write = ways.find((way) => way(-full).length * DIGIT + 3 <= cell);
  return write ? Array.from(numbers, (number) => {
    const span = make("span", { className: "number", textContent: Number.isNaN(number) ? "" : write(number) });
    span.style.color = inkOn(shadeOf(number, full));
    return span;
  }) : [];
}
