const UNITS = 65535; // of a weight of 1
const GAP = -32768; // in place of a number, where there is none

// Numbers 0-1, row after row, from base64 of little-endian uint16.
const unpackWeights = (packed) => unpack(packed, (units) => units / UNITS);

// Numbers of either sign in units of `unit`, from base64 of little-endian int16; NaN where there is none.
function unpackScores({ unit, numbers }) {
  return unpack(numbers, (units) => {
    const signed = units < 32768 ? units : units - 65536;
    return signed === GAP ? NaN : signed * unit;
  });
}

function unpack(packed, numberOf) {
  const bytes = atob(packed);
  const unpacked = new Float32Array(bytes.length / 2);
  for (let i = 0; i < unpacked.length; i++) {
    unpacked[i] = numberOf(bytes.charCodeAt(2 * i) + 256 * bytes.charCodeAt(2 * i + 1));
  }
  return unpacked;
}
