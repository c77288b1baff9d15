// The choices above the leaderboard: data set, metric, search, and a box of ticks an axis.
function fillControls() {
  byId("choose-data").replaceChildren(
    option("", `all data sets (${MAIN.length})`, !state.data),
    ...DATA.datasets.map(({ name }) => option(name, name, state.data === name)),
  );
  byId("choose-metric").replaceChildren(
    ...DATA.metrics.map(({ key, label, lower }) =>
      option(key, `${label}, ${lower ? "lower" : "higher"} is better`, state.metric === key),
    ),
  );
  byId("search").value = state.q;
  byId("about-data").hidden = !state.data;
  byId("reset").hidden = !filtered();
  byId("axes").replaceChildren(...DATA.axes.filter(choosable).map(axisBox));
}

const valuesOf = (axis) => {
  const counts = new Map();
  for (const variant of DATA.variants)
    counts.set(variant.axes[axis], (counts.get(variant.axes[axis]) || 0) + 1);
  return counts;
};

const choosable = ({ key }) => key !== "operator" && valuesOf(key).size > 1;

function axisBox({ key, label }) {
  const chosen = make("span", { class: "count" });
  const show = () => {
    chosen.textContent = state.axes[key].length ? String(state.axes[key].length) : "";
    made.classList.toggle("on", state.axes[key].length > 0);
  };
  const ticks = [...valuesOf(key)].map(([value, count]) =>
    tick(
      value || "none",
      state.axes[key].includes(value),
      (event) => {
        state.axes[key] = state.axes[key].filter((other) => other !== value);
        if (event.target.checked) state.axes[key].push(value);
        show();
        refilter();
      },
      count,
    ),
  );
  const made = drop(
    make("span", {}, label, " ", chosen),
    make("fieldset", {}, make("legend", { class: "hidden" }, `Show only this ${label}`), ...ticks),
  );
  show();
  return made;
}

function watchControls() {
  byId("choose-data").addEventListener("change", (event) => choose({ data: event.target.value }));
  byId("choose-metric").addEventListener("change", (event) => choose({ metric: event.target.value }));
  byId("search").addEventListener("input", (event) => {
    state.q = event.target.value;
    refilter();
  });
  byId("about-data").addEventListener("click", () => openDataset(state.data));
  byId("reset").addEventListener("click", () => {
    Object.assign(state, { q: "", axes: blank().axes });
    fillControls();
    refilter();
    byId("search").focus();
  });
}

function choose(change) {
  Object.assign(state, change);
  byId("about-data").hidden = !state.data;
  fillChooser();
  render();
  save();
}
