// The leaderboard's rows and columns: over all data sets, or one of them in detail.
const narrow = () => innerWidth < 700;
const MAIN = DATA.datasets.map((_, place) => place).filter((place) => DATA.datasets[place].main);

function rows() {
  const one = placeOf(state.data);
  return DATA.variants.map((variant, id) => {
    const row = { id, variant: variant.name, ...variant.axes };
    return Object.assign(row, one < 0 ? overall(id) : detail(id, one));
  });
}

function overall(id) {
  const places = DATA.datasets.map((_, place) => [`d${place}`, cell(id, place, state.metric).mean]);
  const { won, of } = shares(id, state.metric, MAIN);
  return {
    ...Object.fromEntries(places),
    won: of ? won : null,
    of,
    overall: together() ? together().mean[id] : null,
  };
}

// Means over data sets are of the run's own metric alone.
const together = () => (state.metric === DATA.metric ? DATA.overall : null);

function detail(id, place) {
  const costs = COSTS.map(({ key }) => [key, DATA.costs[place][key][id]]);
  return {
    ...Object.fromEntries(costs),
    score: cell(id, place, state.metric).mean,
    gain: DATA.gains[place].value[id],
  };
}

// A column: `key` in links, `field` in rows, `title` for people, `node` what a cell shows, `text` what a file says.
function columns() {
  const one = placeOf(state.data);
  const axes = DATA.axes.map(({ key, label }) => ({
    key,
    field: key,
    title: label,
    width: key === "architecture" ? 118 : 84,
    usual: key === "architecture" || key === "data_fusion",
    node: key === "architecture" ? architecture : null,
  }));
  const first = {
    key: "variant",
    field: "variant",
    title: "variant",
    width: narrow() ? 148 : 226,
    usual: true,
    node: link,
  };
  return [first, ...axes, ...(one < 0 ? acrossColumns() : detailColumns(one))].filter(distinct);
}

const distinct = (column) =>
  !AXES.includes(column.key) || DATA.variants.some((variant) => variant.axes[column.key] !== "");

function acrossColumns() {
  const sets = DATA.datasets.map(({ name, main }, place) =>
    scoreColumn(`data:${name}`, `d${place}`, name, place, main),
  );
  return [...(together() ? [overallColumn(together())] : []), wonColumn(), ...sets];
}

function wonColumn() {
  return {
    key: "won",
    field: "won",
    title: `${STAR} first places`,
    width: 82,
    usual: true,
    number: true,
    larger: true,
    node: ({ won, of }) =>
      won === null
        ? make("span", { class: "state" }, "not compared")
        : make("span", {}, String(won), make("span", { class: "half" }, ` of ${of}`)),
    text: (row) => [row.won],
  };
}

function overallColumn({ title, mean, inside, p }) {
  return {
    key: "overall",
    field: "overall",
    title,
    width: 92,
    usual: true,
    number: true,
    larger: !metricOf(state.metric).lower,
    extra: [`${title}, in the set of the best`, `${title}, p`],
    node: ({ id }) =>
      mean[id] === null
        ? make("span", { class: "state" }, "not on all")
        : scoreNode({ mean: mean[id], half: null, first: inside[id] }),
    text: ({ id }) => [mean[id], mean[id] !== null && inside[id] ? "yes" : "", p[id]],
  };
}

function detailColumns(place) {
  const metric = metricOf(state.metric);
  const made = [{ ...scoreColumn("score", "score", metric.label, place, true), width: 140 }];
  if (state.metric === DATA.metric) made.push(gainColumn(place));
  return [
    ...made,
    ...COSTS.map(({ key, label, text }) => ({
      key,
      field: key,
      title: label,
      width: 104,
      usual: true,
      number: true,
      larger: false,
      node: (row) => costNode(row, key, text, DATA.costs[place].busy[key] || []),
      text: (row) => [row[key]],
    })),
  ];
}

function costNode(row, key, text, busy) {
  if (row[key] === null) return make("span", { class: "state" }, "not measured");
  if (!busy.includes(row.id)) return text(row[key]);
  return make("span", {}, text(row[key]), make("span", { class: "state" }, " busy machine"));
}

function scoreColumn(key, field, title, place, usual) {
  return {
    key,
    field,
    title,
    width: 101,
    usual,
    number: true,
    larger: !metricOf(state.metric).lower,
    extra: [`${title} ${PLUS_MINUS}`, `${title} shares first place`],
    node: (row) => scoreNode(cell(row.id, place, state.metric)),
    text: (row) => {
      const { mean, half, first, state: why } = cell(row.id, place, state.metric);
      return [mean === null ? why : mean, half, first ? "yes" : ""];
    },
  };
}

function gainColumn(place) {
  const halves = DATA.gains[place].half;
  return {
    key: "gain",
    field: "gain",
    title: "gain over best single modality",
    width: 128,
    usual: true,
    number: true,
    larger: true,
    extra: [`gain ${PLUS_MINUS}`],
    node: (row) =>
      row.gain === null
        ? make("span", { class: "state" }, cell(row.id, place, state.metric).state || "\u2013")
        : valueNode(row.gain, halves[row.id], true),
    text: (row) => [row.gain, halves[row.id]],
  };
}

function valueNode(value, half, sign = false) {
  const made = make("span", { class: "value" }, fixed(value, 3, sign));
  if (half !== null) made.append(make("span", { class: "half" }, ` ${PLUS_MINUS}\u202f${fixed(half)}`));
  return made;
}

function scoreNode({ mean, half, first, state: why }) {
  if (mean === null) return make("span", { class: "state" }, why);
  const made = valueNode(mean, half);
  if (first) made.prepend(make("span", { class: "star" }, STAR), unseen("shares the first place "));
  return made;
}

const architecture = (row) =>
  make(
    "span",
    {},
    make("span", { class: "dot", style: `background:${DATA.variants[row.id].colour}` }),
    row.architecture,
  );

const link = (row) =>
  make(
    "a",
    { href: `#${new URLSearchParams({ variant: row.variant })}`, class: "name" },
    breakable(row.variant),
  );

const visible = (column) =>
  state.show.includes(column.key) ||
  (!state.hide.includes(column.key) && column.usual && !(narrow() && AXES.includes(column.key)));
