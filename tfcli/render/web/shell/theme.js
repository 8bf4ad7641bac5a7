const systemDark = matchMedia("(prefers-color-scheme: dark)");
let chosenTheme = null; // until then it is the system's

function applyTheme() {
  paintAs(chosenTheme ?? (systemDark.matches ? "dark" : "light"));
}

function paintAs(theme) {
  document.documentElement.dataset.theme = theme;
  $("theme").textContent = said(theme === "dark" ? "light theme" : "dark theme");
  mixPalette();
  show();
}

function toggleTheme() {
  chosenTheme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  applyTheme();
}

// Paper is light.
function followThemes() {
  $("theme").addEventListener("click", toggleTheme);
  systemDark.addEventListener("change", applyTheme);
  addEventListener("beforeprint", () => paintAs("light"));
  addEventListener("afterprint", applyTheme);
}
