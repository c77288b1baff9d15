// A figure large, to move about in: wheel, two fingers, keys or buttons.
const view = { scale: 1, x: 0, y: 0, fit: 1 };
const fingers = new Map();
const MOST = 8;

function openFigure(figure) {
  const image = figure.querySelector("img");
  const copy = make("img", { src: image.src, alt: image.alt, draggable: "false" });
  byId("zoom-title").replaceChildren(image.alt);
  byId("zoom-file").href = figure.querySelector(".files a").getAttribute("href");
  byId("stage").replaceChildren(copy);
  byId("zoom").showModal();
  byId("stage").focus();
  copy.decode().then(fit, fit);
}

const picture = () => byId("stage").firstElementChild;

function fit() {
  const [stage, shown] = [byId("stage"), picture()];
  view.fit = Math.min(stage.clientWidth / shown.naturalWidth, 1);
  Object.assign(view, {
    scale: view.fit,
    x: Math.max(0, (stage.clientWidth - shown.naturalWidth * view.fit) / 2),
    y: 0,
  });
  place();
}

function place() {
  const [stage, shown] = [byId("stage"), picture()];
  const room = (size, stageSize) => (size < stageSize ? [0, stageSize - size] : [stageSize - size, 0]);
  const held = (value, [low, high]) => Math.min(high, Math.max(low, value));
  view.x = held(view.x, room(shown.naturalWidth * view.scale, stage.clientWidth));
  view.y = held(view.y, room(shown.naturalHeight * view.scale, stage.clientHeight));
  shown.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
  stage.dataset.scale = view.scale.toFixed(3);
}

function zoomBy(factor, x = byId("stage").clientWidth / 2, y = byId("stage").clientHeight / 2) {
  const scale = Math.min(MOST * view.fit, Math.max(view.fit / 4, view.scale * factor));
  view.x = x - ((x - view.x) * scale) / view.scale;
  view.y = y - ((y - view.y) * scale) / view.scale;
  view.scale = scale;
  place();
}

function moveBy(x, y) {
  view.x += x;
  view.y += y;
  place();
}

const ACTIONS = {
  in: () => zoomBy(1.4),
  out: () => zoomBy(1 / 1.4),
  fit,
};
const KEYS = {
  "+": ACTIONS.in,
  "=": ACTIONS.in,
  "-": ACTIONS.out,
  0: fit,
  ArrowLeft: () => moveBy(60, 0),
  ArrowRight: () => moveBy(-60, 0),
  ArrowUp: () => moveBy(0, 60),
  ArrowDown: () => moveBy(0, -60),
};

function drag(event) {
  const before = fingers.get(event.pointerId);
  if (!before) return;
  const others = [...fingers.entries()].filter(([id]) => id !== event.pointerId).map(([, point]) => point);
  const box = byId("stage").getBoundingClientRect();
  if (others.length === 1) {
    const apart = (point) =>
      Math.hypot(point.clientX - others[0].clientX, point.clientY - others[0].clientY) || 1;
    zoomBy(
      apart(event) / apart(before),
      (event.clientX + others[0].clientX) / 2 - box.left,
      (event.clientY + others[0].clientY) / 2 - box.top,
    );
  } else moveBy(event.clientX - before.clientX, event.clientY - before.clientY);
  fingers.set(event.pointerId, event);
}

function watchZoom() {
  const stage = byId("stage");
  for (const figure of document.querySelectorAll("#figures figure:has(img)")) {
    figure.querySelector("button.zoom").addEventListener("click", () => openFigure(figure));
    figure.querySelector(".frame").addEventListener("click", () => openFigure(figure));
    figure.querySelector(".frame").classList.toggle("cut", isCut(figure));
  }
  for (const button of document.querySelectorAll("[data-zoom]"))
    button.addEventListener("click", ACTIONS[button.dataset.zoom]);
  stage.addEventListener("keydown", (event) => {
    if (!KEYS[event.key] || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    KEYS[event.key]();
  });
  stage.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const box = stage.getBoundingClientRect();
      zoomBy(Math.exp(-event.deltaY / 400), event.clientX - box.left, event.clientY - box.top);
    },
    { passive: false },
  );
  stage.addEventListener("pointerdown", (event) => {
    stage.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, event);
  });
  stage.addEventListener("pointermove", drag);
  for (const end of ["pointerup", "pointercancel"])
    stage.addEventListener(end, (event) => fingers.delete(event.pointerId));
}

// Tall figures are cut off on the page; the fade says so.
function isCut(figure) {
  const frame = figure.querySelector(".frame");
  return frame.scrollHeight > frame.clientHeight + 4;
}
