// The leaderboard: Tabulator draws it, from nodes alone.
let table = null;
let built = [];

const fallback = () => (placeOf(state.data) >= 0 ? "score" : together() ? "overall" : "won");

function sortWish() {
  const column =
    built.find((each) => each.key === state.sort && visible(each)) ||
    built.find((each) => each.key === fallback());
  const dir = state.sort === column.key && state.dir ? state.dir : startDir(column);
  return { column: column.field, dir };
}

const startDir = (column) => (column.number && column.larger ? "desc" : "asc");

function render() {
  if (table) table.destroy();
  built = columns();
  byId("board").hidden = false;
  table = new Tabulator(byId("board"), {
    data: rows(),
    columns: built.filter((column) => column.key === "variant" || visible(column)).map(definition),
    initialSort: [sortWish()],
    initialFilter: passes,
    layout: "fitColumns",
    maxHeight: "min(78vh, 60rem)",
    headerSortElement: () => make("span"),
    placeholder: nobody,
    columnHeaderVertAlign: "bottom",
    columnDefaults: { resizable: false },
    autoResize: false,
  });
  table.on("tableBuilt", ready);
  table.on("dataFiltered", (_, left) => tellShown(left.length));
  table.on("dataSorted", keepSort);
  table.on("rowClick", (event, row) => {
    if (!event.target.closest("a, button") && !String(getSelection())) openVariant(row.getData().variant);
  });
}

function definition(column) {
  const made = {
    title: column.title,
    field: column.field,
    minWidth: column.width,
    widthGrow: column.key === "variant" ? 2 : 1,
    frozen: column.key === "variant",
    titleFormatter: () => head(column),
    cssClass: column.number ? "number" : "words",
    sorter: (a, b, _rowA, _rowB, _column, dir) => order(a, b, dir),
    headerSortStartingDir: startDir(column),
  };
  made.formatter = (shown) => {
    shown.getElement().setAttribute("role", column.key === "variant" ? "rowheader" : "cell");
    return column.node ? column.node(shown.getData()) : make("span", {}, shown.getValue());
  };
  return made;
}

const nobody = () =>
  make(
    "div",
    { class: "tabulator-placeholder-contents", role: "row" },
    make("div", { role: "cell" }, "No variant passes the filters."),
  );

const head = (column) =>
  make("button", { type: "button", class: "sort", title: column.title }, breakable(column.title));

function keepSort(sorters) {
  const [sorter] = sorters;
  const column = sorter && built.find((each) => each.field === sorter.field);
  if (!column) return;
  const usual = column.key === fallback() && sorter.dir === startDir(column);
  Object.assign(state, usual ? { sort: "", dir: "" } : { sort: column.key, dir: sorter.dir });
  save();
}

// A table to read, not a grid to move about in; what scrolls can be reached by keyboard and holds the rows.
function ready() {
  const [board, holder] = [byId("board"), document.querySelector("#board .tabulator-tableholder")];
  board.removeAttribute("aria-owns");
  filled(board, { role: "table", "aria-labelledby": "h-leaderboard", "aria-describedby": "board-note" }, []);
  holder.setAttribute("role", "rowgroup");
  holder.firstElementChild.setAttribute("role", "presentation");
  document.documentElement.dataset.ready ||= Math.round(performance.now());
}

let wide = innerWidth;
addEventListener("resize", () => {
  if (innerWidth === wide) return; // a telephone's keyboard takes height alone
  clearTimeout(ready.wait);
  ready.wait = setTimeout(() => {
    const turned = wide < 700 !== narrow();
    wide = innerWidth;
    if (table && turned) render();
    else if (table) table.redraw();
  }, 150);
});

function passes(row) {
  const variant = DATA.variants[row.id];
  const told = `${variant.name} ${variant.also} ${variant.axes.operator}`.toLowerCase();
  const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
  return (
    words.every((word) => told.includes(word)) &&
    AXES.every((axis) => !state.axes[axis].length || state.axes[axis].includes(variant.axes[axis]))
  );
}

function refilter() {
  if (table) table.setFilter(passes);
  byId("reset").hidden = !filtered();
  save();
}

const filtered = () => state.q !== "" || AXES.some((axis) => state.axes[axis].length > 0);

function tellShown(count) {
  byId("shown").textContent = `${count} of ${DATA.variants.length} variants shown`;
}
