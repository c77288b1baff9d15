// What is looked at, and the same as the part of the address behind #: a link to it shows it again.
const DATA = parsed("data");
const LISTS = ["show", "hide"];
const TEXTS = ["data", "metric", "q", "sort", "dir", "variant", "dataset"];
const AXES = DATA.axes.map((axis) => axis.key);

const blank = () => ({
  data: "",
  metric: DATA.metric,
  q: "",
  sort: "",
  dir: "",
  variant: "",
  dataset: "",
  show: [],
  hide: [],
  axes: Object.fromEntries(AXES.map((axis) => [axis, []])),
});

let state = blank();
let written = "";

function read(hash) {
  const wanted = new URLSearchParams(hash.replace(/^#/, ""));
  const found = blank();
  for (const key of TEXTS) if (wanted.has(key)) found[key] = wanted.get(key);
  for (const key of LISTS) found[key] = wanted.getAll(key);
  for (const axis of AXES) found.axes[axis] = wanted.getAll(axis);
  return known(found);
}

// A link from another run, or one written by hand, may name what is not here.
function known(found) {
  const named = (list, name) => list.some((each) => each.name === name);
  if (!named(DATA.datasets, found.data)) found.data = "";
  if (!named(DATA.variants, found.variant)) found.variant = "";
  if (!named(DATA.datasets, found.dataset)) found.dataset = "";
  if (!DATA.metrics.some((metric) => metric.key === found.metric)) found.metric = DATA.metric;
  for (const axis of AXES) {
    const there = new Set(DATA.variants.map((variant) => variant.axes[axis]));
    found.axes[axis] = found.axes[axis].filter((value) => there.has(value));
  }
  return found;
}

function spelled(from) {
  const usual = blank();
  const made = new URLSearchParams();
  for (const key of TEXTS) if (from[key] !== usual[key]) made.set(key, from[key]);
  for (const axis of AXES) for (const value of from.axes[axis]) made.append(axis, value);
  for (const key of LISTS) for (const value of from[key]) made.append(key, value);
  return made.toString();
}

function save() {
  const text = spelled(state);
  if (text === written) return;
  written = text;
  history.replaceState(null, "", text ? `#${text}` : location.href.split("#")[0]);
}

// An address such as #figures is a place on the page and says nothing of the leaderboard.
const tells = (hash) => hash.includes("=");

function restore() {
  if (!tells(location.hash)) return;
  state = read(location.hash);
  written = location.hash.slice(1);
}
