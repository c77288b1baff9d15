// Panels beside the page: one variant, or one data set; made when they are opened.
let opener = null;
let curvesHeld = null;

// More than all the rest together, and needed in panels alone.
const CURVES = () => (curvesHeld ??= parsed("curves"));

function openPanel(title, parts) {
  const panel = byId("panel");
  byId("panel-title").replaceChildren(title);
  byId("panel-body").replaceChildren(...parts);
  if (!panel.open) {
    opener = document.activeElement;
    panel.showModal();
  }
  byId("panel-body").scrollTop = 0;
  byId("panel-title").focus();
}

function openVariant(name) {
  const id = variantOf(name);
  if (id < 0) return;
  Object.assign(state, { variant: name, dataset: "" });
  openPanel(name, variantParts(id));
  save();
}

function openDataset(name) {
  const place = placeOf(name);
  if (place < 0) return;
  Object.assign(state, { dataset: name, variant: "" });
  openPanel(name, datasetParts(place));
  save();
}

function closed() {
  const was = state.variant;
  Object.assign(state, { variant: "", dataset: "" });
  save();
  // The row may have been drawn anew while the panel was open.
  const again = [...byId("board").querySelectorAll("a.name")].find((each) => each.textContent === was);
  const back = opener && opener.isConnected && opener !== document.body ? opener : again;
  if (back) back.focus();
}

function watchPanels() {
  const panel = byId("panel");
  panel.addEventListener("close", closed);
  for (const dialog of [panel, byId("zoom")]) {
    dialog.querySelector(".close").addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  }
  document.addEventListener("click", (event) => {
    const ranking = event.target.closest("button.open-dataset");
    if (ranking) openDataset(DATA.datasets[ranking.dataset.place].name);
    const named = event.target.closest("a[href^='#variant='], a[href^='#dataset=']");
    if (!named || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const wanted = read(named.getAttribute("href"));
    if (wanted.variant) openVariant(wanted.variant);
    else openDataset(wanted.dataset);
  });
}

const variantLink = (name) =>
  make("a", { href: `#${new URLSearchParams({ variant: name })}` }, breakable(name));
const datasetLink = (name) =>
  make("a", { href: `#${new URLSearchParams({ dataset: name })}` }, breakable(name));

// Terms that have something to say.
function terms(pairs) {
  const told = pairs.filter(([, text]) => text && text.length !== 0);
  return make(
    "dl",
    {},
    ...told.flatMap(([term, text]) => [make("dt", {}, term), make("dd", {}, ...[text].flat())]),
  );
}

function grid(label, titles, lines) {
  const top = make("tr", {}, ...titles.map((title) => make("th", { scope: "col" }, title)));
  const body = lines.map((line) =>
    make(
      "tr",
      {},
      ...line.map((content, index) =>
        make(index ? "td" : "th", index ? {} : { scope: "row" }, ...[content].flat()),
      ),
    ),
  );
  return make(
    "div",
    { class: "scroll", role: "region", tabindex: 0, "aria-label": label },
    make("table", {}, make("thead", {}, top), make("tbody", {}, ...body)),
  );
}

function failureList(failures) {
  return failures.flatMap((each) => [
    make(
      "p",
      { class: "note bad" },
      make("strong", {}, `${each.variant}, ${each.dataset}, seed ${each.seeds}: ${each.status}. `),
      each.reason,
    ),
    each.trace ? make("details", {}, make("summary", {}, "traceback"), make("pre", {}, each.trace)) : "",
  ]);
}
