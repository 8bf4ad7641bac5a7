const SHADES = 255; // on each side of zero
let palette; // [red, green, blue] each: from that of the most negative number over that of zero to the largest's
let maskedShade;

function mixPalette() {
  const [zero, low, high, masked] = ["--map-zero", "--map-negative", "--map-high", "--map-masked"]
    .map((name) => themed(name).split(" ").map(Number));
  maskedShade = masked;
  palette = Array.from({ length: 2 * SHADES + 1 }, (_, i) => {
    const share = (i - SHADES) / SHADES;
    return zero.map((from, c) => Math.round(from + ((share < 0 ? low : high)[c] - from) * Math.abs(share)));
  });
}

// A custom property of the theme.
const themed = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// The colour of a number between -full and full; zero has that of a card, and what is masked one of its own.
const shadeOf = (number, full) =>
  Number.isNaN(number) ? maskedShade : palette[SHADES + Math.round(SHADES * clamp(number / (full || 1), -1, 1))];

// Black or white, whichever is legible on a colour (WCAG 2 relative luminance).
function inkOn(shade) {
  const [r, g, b] = shade.map((value) => (value / 255) ** 2.2);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000" : "#fff";
}
