// Numbers as they are read: fixed decimals, a true minus, nothing where there is nothing.
const MINUS = "\u2212";
const STAR = "\u2605";
const PLUS_MINUS = "\u00b1";

const metricOf = (key) => DATA.metrics.find((metric) => metric.key === key);
const placeOf = (name) => DATA.datasets.findIndex((dataset) => dataset.name === name);
const variantOf = (name) => DATA.variants.findIndex((variant) => variant.name === name);

function fixed(value, digits = 3, sign = false) {
  if (value === null) return "";
  const text = Math.abs(value).toFixed(digits);
  if (Number(text) === 0) return text;
  return (value < 0 ? MINUS : sign ? "+" : "") + text;
}

// What one variant reached on one data set; `state` says why there is no mean.
function cell(variant, dataset, metric) {
  const held = DATA.scores[metric][dataset];
  const label = metricOf(metric).label;
  if (held === null) return { mean: null, half: null, first: false, state: `${label} not on this page` };
  const mean = held.mean[variant];
  const known = mean !== null;
  return {
    mean,
    half: held.half[variant],
    first: held.first.includes(variant),
    state: known ? "" : DATA.states[dataset][variant] || `${label} undefined`,
  };
}

const seedsOf = (variant, dataset, metric) => {
  const held = DATA.scores[metric][dataset];
  return held === null ? [] : held.seeds[variant];
};

function shares(variant, metric, datasets) {
  const cells = datasets.map((dataset) => cell(variant, dataset, metric));
  const compared = cells.filter((each) => each.mean !== null);
  return { won: compared.filter((each) => each.first).length, of: compared.length };
}

// What is known last, whichever way the others are sorted: a status is no number.
function order(a, b, dir) {
  if (a === null || b === null) {
    if (a === b) return 0;
    const last = dir === "asc" ? 1 : -1;
    return a === null ? last : -last;
  }
  return a < b ? -1 : a > b ? 1 : 0;
}

const COSTS = [
  { key: "train", label: "training (s)", text: (value) => fixed(value, 2) },
  { key: "latency_p50", label: "latency (ms)", text: (value) => fixed(value, 3) },
  {
    key: "parameters",
    label: "parameters",
    text: (value) => (value === null ? "" : value.toLocaleString("en-GB")),
  },
  { key: "memory", label: "memory (MB)", text: (value) => (value === null ? "" : fixed(value / 1e6, 0)) },
];
