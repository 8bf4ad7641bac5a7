// A page has `start()`, which is called once; `show()`, which draws all anew; and `actions()`: see `pressed`.
function openPage() {
  for (const element of document.querySelectorAll("[data-said]")) element.textContent = said(element.textContent);
  $("theme").addEventListener("click", toggleTheme);
  $("show-keys").addEventListener("click", showKeys);
  $("hide-keys").addEventListener("click", () => $("keys").close());
  document.addEventListener("keydown", pressed);
  systemDark.addEventListener("change", applyTheme);
  start();
  applyTheme();
}
