// A page has `start()`, which is called once; `show()`, which draws all anew; and `actions()`: see `pressed`.
function openPage() {
  for (const element of document.querySelectorAll("[data-said]")) element.textContent = said(element.textContent);
  followThemes();
  listenToKeys();
  start();
  applyTheme();
}
