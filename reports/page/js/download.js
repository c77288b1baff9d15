// What is shown, as a CSV file: rows and columns in their order, numbers unrounded, a status in place of a number.
function csvText() {
  const shown = built.filter((column) => column.key === "variant" || visible(column));
  const titles = shown.flatMap((column) => [column.title.replace(`${STAR} `, ""), ...(column.extra || [])]);
  const lines = table
    .getRows("active")
    .map((row) => shown.flatMap((column) => cellTexts(column, row.getData())));
  return [titles, ...lines].map((line) => line.map(quoted).join(",")).join("\n") + "\n";
}

const cellTexts = (column, row) => (column.text ? column.text(row) : [row[column.field]]);

const quoted = (value) => {
  const text = value === null || value === undefined ? "" : String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

function download() {
  const place = make("a", {
    href: URL.createObjectURL(new Blob([csvText()], { type: "text/csv;charset=utf-8" })),
    download: `${[DATA.name, state.data || "all", state.metric].join("-").replace(/[^\p{L}\p{N}._-]+/gu, "-")}.csv`,
  });
  place.click();
  setTimeout(() => URL.revokeObjectURL(place.href), 10_000);
  say("Saved as CSV.");
}

async function copyLink() {
  try {
    await navigator.clipboard.writeText(location.href);
    say("Link copied.");
  } catch {
    say("The address bar holds the link.");
  }
}

function say(text) {
  byId("said").textContent = text;
  clearTimeout(say.wait);
  say.wait = setTimeout(() => (byId("said").textContent = ""), 4000);
}
