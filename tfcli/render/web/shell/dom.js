const $ = (id) => document.getElementById(id);

function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const tokenOf = (text, className = "") => make("span", { className: `token ${className}`, textContent: text });
const positionOf = (i) => make("span", { className: "position", textContent: i });

// A text of the shell in the language of the page, with `values` in the place of their {names}.
function said(text, values = {}) {
  return (words[text] ?? text).replace(/\{(\w+)\}/g, (_, name) => values[name]);
}
