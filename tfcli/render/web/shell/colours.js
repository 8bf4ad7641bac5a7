const SHADES = 255; // on each side of zero
let palette; // [red, green, blue] each: from the darkest negative colour over that of zero to the strongest

function mixPalette() {
  const style = getComputedStyle(document.documentElement);
  const [zero, low, high] = ["--map-zero", "--map-negative", "--map-high"]
    .map((name) => style.getPropertyValue(name).trim().split(" ").map(Number));
  palette = Array.from({ length: 2 * SHADES + 1 }, (_, i) => {
    const share = (i - SHADES) / SHADES;
    return zero.map((from, c) => Math.round(from + ((share < 0 ? low : high)[c] - from) * Math.abs(share)));
  });
}

// The colour of a number between -full and full; zero has that of the card.
const shadeOf = (number, full) => palette[SHADES + Math.round(SHADES * clamp(number / full, -1, 1))];

// Black or white, whichever is legible on a colour (WCAG 2 relative luminance).
function inkOn(colour) {
  const [r, g, b] = colour.map((value) => (value / 255) ** 2.2);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000" : "#fff";
}
