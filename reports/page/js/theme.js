// Runs before the body is read, so that nothing is painted in the wrong colours first.
const root = document.documentElement;
const KEY = "fusebench-theme";
root.classList.add("js");

// Pages opened from disk, or in a frame, may be refused any storage.
function remembered() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

function remember(theme) {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // the choice then lasts as long as the page is open
  }
}

const wish = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : wish.matches);
const stored = remembered();
if (stored === "dark" || stored === "light") root.dataset.theme = stored;

document.addEventListener("DOMContentLoaded", () => {
  const button = document.getElementById("theme");
  const show = () => button.setAttribute("aria-pressed", String(isDark()));
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    remember(root.dataset.theme);
    show();
  });
  wish.addEventListener("change", show);
  show();
});
