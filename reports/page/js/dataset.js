// The panel of one data set: what it is, and the ranking on it with intervals.
function datasetParts(place) {
  const dataset = DATA.datasets[place];
  const failures = DATA.failures.filter((each) => each.dataset === dataset.name);
  const parts = [
    make("p", { class: "lead" }, [dataset.title, dataset.summary].filter(Boolean).join(": ")),
    ...dataset.notes.map((note) => make("p", { class: "note" }, note)),
    terms([
      ["modalities", dataset.modalities],
      ["classes", dataset.classes],
      ["rows of a seed", dataset.rows],
      ["pairing", dataset.pairing],
      ["interaction", dataset.interaction],
      ["ceilings", ceilings(dataset.limits)],
      ["licence", dataset.licence],
      ["home", homes(dataset.homes)],
      ["cite", dataset.citation],
    ]),
    make("h3", {}, `Ranking by ${metricOf(state.metric).label}`),
    ...ranking(place),
  ];
  if (failures.length) parts.push(make("h3", {}, "Not ok"), ...failureList(failures));
  return parts;
}

const homes = (list) =>
  list.flatMap(([home, safe]) => [safe ? make("a", { href: home, rel: "noreferrer" }, home) : home, " "]);

const ceilings = (limits) =>
  limits &&
  [
    ["any method", limits.full],
    ["the best single modality", limits.single],
    ["guessing", limits.chance],
  ]
    .filter(([, value]) => value !== null)
    .map(([what, value]) => `${what} ${fixed(value)}`)
    .join(", ");

function ranking(place) {
  const metric = metricOf(state.metric);
  const all = DATA.variants.map((variant, id) => ({
    name: variant.name,
    ...cell(id, place, state.metric),
    seeds: seedsOf(id, place, state.metric),
  }));
  const dir = metric.lower ? "asc" : "desc";
  all.sort((a, b) => (dir === "asc" ? 1 : -1) * order(a.mean, b.mean, dir));
  const compared = all.filter((each) => each.mean !== null);
  const marks = metric.key === "accuracy" ? limitMarks(DATA.datasets[place].limits) : [];
  if (!compared.length) return [make("p", {}, `No variant is complete here: ${DATA.datasets[place].line}.`)];
  const ends = compared.flatMap(({ mean, half, seeds }) => [
    mean - (half ?? 0),
    mean + (half ?? 0),
    ...seeds.filter((value) => value !== null),
  ]);
  const axis = span([...ends, ...marks.filter((mark) => mark.kind !== "chance").map((mark) => mark.value)]);
  const inside = marks.filter((mark) => mark.value >= axis.low && mark.value <= axis.high);
  const lines = all.map((each) => [
    variantLink(each.name),
    scoreNode(each),
    each.mean === null ? "" : intervalBar(each, each.seeds, axis, inside),
  ]);
  const ticks = make(
    "span",
    { class: "ends" },
    make("span", {}, fixed(axis.low)),
    make("span", {}, fixed(axis.high)),
  );
  return [
    make("p", { class: "small" }, explain(inside)),
    grid("Ranking", ["variant", metric.label, ticks], lines),
  ];
}

const limitMarks = (limits) =>
  limits
    ? [
        ["full", limits.full],
        ["single", limits.single],
        ["chance", limits.chance],
      ]
        .filter(([, value]) => value !== null)
        .map(([kind, value]) => ({ kind, value }))
    : [];

const MARK_WORDS = {
  full: "what any method can reach",
  single: "the best single modality\u2019s ceiling",
  chance: "guessing",
};

function explain(marks) {
  const lines = marks.map(({ kind, value }) => `${MARK_WORDS[kind]} (${fixed(value)})`).join(", ");
  const dashed = lines ? ` Dashed: ${lines}.` : "";
  return `${STAR} shares the first place. A bar is the 95 % interval of a mean over seeds, the small strokes are seeds.${dashed}`;
}
