const PAUSE = 700; // milliseconds that a step is shown
const LONG_PAUSE = 1500; // ... where little motion is wanted
let playing = null; // the timer

const isFilm = () => views[0].step !== null && views.length > 1;

function showSwitcher() {
  $("switcher").hidden = views.length === 1;
  $("player").hidden = !isFilm();
  $("views").hidden = isFilm();
  $("views").selectedIndex = state.view;
  $("previous-view").disabled = state.view === 0;
  $("next-view").disabled = state.view === views.length - 1;
  const slider = $("step");
  Object.assign(slider, { max: views.length - 1, value: state.view });
  slider.setAttribute("aria-valuetext", view().label);
  $("step-name").textContent = view().label;
  $("play").textContent = playing ? "\u275a\u275a pause" : "\u25b6 play";
}

// From the end it starts anew.
function togglePlay() {
  if (!isFilm()) return;
  if (playing) return pause();
  if (state.view === views.length - 1) switchView(0);
  playing = setInterval(playOn, matchMedia("(prefers-reduced-motion: reduce)").matches ? LONG_PAUSE : PAUSE);
  showSwitcher();
}

function playOn() {
  if (state.view + 1 >= views.length - 1) pause();
  switchView(state.view + 1);
}

function pause() {
  clearInterval(playing);
  playing = null;
  showSwitcher();
}

function fillSwitcher() {
  $("views").append(...views.map(({ label }) => make("option", { textContent: label })));
  $("views").addEventListener("change", () => switchView($("views").selectedIndex));
  $("step").addEventListener("input", () => switchView(Number($("step").value)));
  $("play").addEventListener("click", togglePlay);
}
