// The panel of one variant: what it is, how it did on every seed, how it learned, what went wrong.
function variantParts(id) {
  const variant = DATA.variants[id];
  const failures = DATA.failures.filter((each) => each.variant === variant.name);
  const parts = [
    make("p", { class: "lead" }, variant.definition || "No definition was stored."),
    terms([
      ["place in the taxonomy", axesText(variant)],
      ["may also be placed", variant.contestable],
      ["also known as", variant.also],
      ["same function as", alike(id)],
      ["reference", variant.reference],
      ["file", variant.file],
    ]),
    make("h3", {}, `Values by seed, ${metricOf(state.metric).label}`),
    seedGrid(id),
  ];
  if (failures.length) parts.push(make("h3", {}, "Not ok"), ...failureList(failures));
  return [...parts, make("h3", {}, "Learning curves"), ...curveParts(variant.name)];
}

const axesText = ({ axes }) =>
  DATA.axes
    .filter(({ key }) => axes[key])
    .map(({ key, label }) => `${label} ${axes[key]}`)
    .join(" \u00b7 ");

function alike(id) {
  const { alike: held } = DATA.variants[id];
  const others = DATA.variants.filter((each, other) => held && other !== id && each.alike === held);
  return others.flatMap((each, index) => [index ? ", " : "", variantLink(each.name)]);
}

function seedGrid(id) {
  const seeds = [...new Set(DATA.datasets.flatMap((dataset) => dataset.seeds))].sort((a, b) => a - b);
  const lines = DATA.datasets.map((dataset, place) => {
    const values = seedsOf(id, place, state.metric);
    const found = seeds.map((seed) => values[dataset.seeds.indexOf(seed)] ?? null);
    return [
      datasetLink(dataset.name),
      scoreNode(cell(id, place, state.metric)),
      ...found.map((value) => fixed(value)),
    ];
  });
  const titles = [
    "data set",
    `mean ${PLUS_MINUS} half a 95 % interval`,
    ...seeds.map((seed) => `seed ${seed}`),
  ];
  return grid("Values by seed", titles, lines);
}

function curveParts(name) {
  const held = CURVES();
  const charts = DATA.datasets.flatMap((dataset) => {
    const curve = held.of[dataset.name]?.[name];
    const chart = curve && curveChart(curve, held, dataset.name);
    return chart ? [make("figure", {}, chart, make("figcaption", {}, dataset.name))] : [];
  });
  if (!charts.length)
    return [
      make("p", { class: "small" }, "No curve was recorded: it is not trained by epochs, or no cell is ok."),
    ];
  const every = held.step > 1 ? ` One epoch in ${held.step} is drawn, and the last.` : "";
  return [
    make(
      "p",
      { class: "small key" },
      make("span", { class: "swatch validation" }),
      "validation loss, a dot where the weights were kept ",
      make("span", { class: "swatch train" }),
      `training loss; a line a seed, in nats.${every}`,
    ),
    make("div", { class: "charts" }, ...charts),
  ];
}
