// The map of the pass: every stage, and in it the row of the chosen token. Of many layers one is unfolded.
const FEW_STAGES = 24;

function showMap() {
  const sections = [...new Set(screens.map((screen) => screen.section))];
  const all = screens.length <= FEW_STAGES;
  $("fold").textContent = `${say("map")}: ${here().section}, ${textIn(here().name)}`;
  $("fold").setAttribute("aria-expanded", state.unfolded);
  $("pass").classList.toggle("unfolded", state.unfolded);
  const hadFocus = $("stops").contains(document.activeElement);
  $("stops").replaceChildren(...sections.map((section) => sectionItem(section, all || section === here().section)));
  const stops = [...$("stops").querySelectorAll("button")];
  rove($("stops"), stops.map((stop) => [stop]));
  const now = $("stops").querySelector("[aria-current]");
  stopAt(stops, now);
  if (hadFocus) now.focus();
  now.scrollIntoView({ block: "nearest" });
}

function sectionItem(section, isOpen) {
  const own = screens.filter((screen) => screen.section === section);
  const first = screens.indexOf(own[0]);
  if (!isOpen) {
    const title = make("button", { className: "section folded", textContent: section });
    title.addEventListener("click", () => go(first));
    return make("li", {}, title);
  }
  return make("li", {}, make("span", { className: "section", textContent: section }),
    make("ol", {}, ...own.map((screen) => make("li", {}, stopOf(screen)))));
}

function stopOf(screen) {
  const stop = make("button", { className: "stop" }, make("span", { textContent: textIn(screen.name) }));
  if (!screen.stage || screen.stage.answer) stop.classList.add("stream");
  if (screen === here()) stop.setAttribute("aria-current", "step");
  if (screen.stage) stop.append(stripOf(screen.stage));
  stop.addEventListener("click", () => go(screens.indexOf(screen)));
  return stop;
}

// The row of the chosen token as a strip of colours.
function stripOf(stage, token = state.token) {
  const canvas = make("canvas", { className: "strip" });
  paintUnits(canvas, unitsOfRow(stage, headOf(stage), token), stage.width, fullOf(stage));
  return canvas;
}

const shadeOfUnits = (units, full) => shadeOf(units === NONE ? NaN : units, full);

function paintUnits(canvas, units, width, full) {
  if (!units.length) return;
  Object.assign(canvas, { width, height: units.length / width });
  const image = new ImageData(canvas.width, canvas.height);
  units.forEach((one, i) => {
    image.data.set([...shadeOfUnits(one, full), 255], 4 * i);
  });
  canvas.getContext("2d").putImageData(image, 0, 0);
}
