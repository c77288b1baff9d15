// Begins the page, and shows what the address asks for.
function showAddress() {
  if (state.variant) openVariant(state.variant);
  else if (state.dataset) openDataset(state.dataset);
  else if (byId("panel").open) byId("panel").close();
}

// A link such as #table-ranks leads to a table that may be folded.
function unfold() {
  if (tells(location.hash) || !location.hash) return;
  const wanted = byId(decodeURIComponent(location.hash.slice(1)));
  const folded = wanted && wanted.closest("details");
  if (folded) folded.open = true;
  if (folded) wanted.scrollIntoView();
}

function begin() {
  restore();
  fillControls();
  fillChooser();
  watchControls();
  watchPanels();
  byId("csv").addEventListener("click", download);
  byId("link").addEventListener("click", copyLink);
  if (DATA.variants.length) render();
}

// Figures and curves stand below the scripts.
addEventListener("DOMContentLoaded", () => {
  watchZoom();
  showAddress();
  unfold();
});

addEventListener("hashchange", () => {
  unfold();
  if (!tells(location.hash) || location.hash.slice(1) === written) return;
  restore();
  fillControls();
  fillChooser();
  render();
  showAddress();
});

try {
  begin();
} catch (error) {
  // The plain table stands in the page already.
  document.documentElement.classList.remove("js");
  throw error;
}
