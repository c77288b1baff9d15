// Which columns are shown.
function fillChooser() {
  const all = columns().filter((column) => column.key !== "variant");
  const ticks = all.map((column) =>
    tick(column.title, visible(column), (event) => setColumn(column, event.target.checked)),
  );
  byId("chooser").replaceChildren(
    drop("Columns", make("fieldset", {}, make("legend", { class: "hidden" }, "Columns to show"), ...ticks)),
  );
}

function setColumn(column, shown) {
  for (const list of ["show", "hide"]) state[list] = state[list].filter((key) => key !== column.key);
  if (visible(column) !== shown) state[shown ? "show" : "hide"].push(column.key);
  render();
  save();
}
