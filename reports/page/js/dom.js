// Elements are made here alone, and from text: no name ever becomes markup.
const byId = (id) => document.getElementById(id);

function filled(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(key, value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

const make = (tag, attributes = {}, ...children) => filled(document.createElement(tag), attributes, children);

const draw = (tag, attributes = {}, ...children) =>
  filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

const parsed = (id) => JSON.parse(byId(id).textContent);

// For those who listen, not for those who look.
const unseen = (text) => make("span", { class: "hidden" }, text);

// A long name may be broken after its signs rather than anywhere.
function breakable(name) {
  const made = document.createDocumentFragment();
  for (const part of name.split(/(?<=[_(,=+])/)) made.append(part, make("wbr"));
  return made;
}

function option(value, text, chosen) {
  const made = make("option", { value }, text);
  made.selected = chosen;
  return made;
}

// A button that opens a box of choices; Escape closes it, and so does going on elsewhere.
function drop(label, ...children) {
  const box = make("div", { class: "box" }, ...children);
  const head = make("summary", {}, label);
  const made = make("details", { class: "drop" }, head, box);
  made.addEventListener("toggle", () => {
    if (!made.open) return;
    for (const other of document.querySelectorAll("details.drop[open]")) if (other !== made) other.open = false;
    box.classList.toggle("left", head.getBoundingClientRect().left + box.offsetWidth > innerWidth - 12);
  });
  made.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !made.open) return;
    made.open = false;
    head.focus();
  });
  return made;
}

for (const kind of ["click", "focusin"]) {
  document.addEventListener(kind, (event) => {
    for (const open of document.querySelectorAll("details.drop[open]")) {
      if (!open.contains(event.target)) open.open = false;
    }
  });
}

const tick = (label, checked, change, count = "") =>
  make(
    "label",
    { class: "tick" },
    filled(Object.assign(make("input", { type: "checkbox" }), { checked }), { change }, []),
    make("span", {}, breakable(label)),
    count === "" ? "" : make("span", { class: "count" }, String(count)),
  );
