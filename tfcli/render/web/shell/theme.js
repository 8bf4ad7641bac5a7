const systemDark = matchMedia("(prefers-color-scheme: dark)");
let chosenTheme = null; // until then it is the system's

function applyTheme() {
  const theme = chosenTheme ?? (systemDark.matches ? "dark" : "light");
  document.documentElement.dataset.theme = theme;
  $("theme").textContent = said(theme === "dark" ? "light theme" : "dark theme");
  mixPalette();
  show();
}

function toggleTheme() {
  chosenTheme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  applyTheme();
}
