// Added by `fusebench serve` alone: what the run has done so far, asked again every few seconds.
const EVERY = 3000;
const box = document.getElementById("live");
let drawn = null;
let told = "";

const make = (tag, text) => Object.assign(document.createElement(tag), { textContent: text });

function words({ planned, done, counts, quiet }) {
  const bad = Object.entries(counts)
    .filter(([status]) => status !== "ok")
    .map(([status, count]) => `${count} ${status.replaceAll("_", " ")}`);
  const tail = bad.length ? ` (${bad.join(", ")})` : "";
  const still =
    quiet !== null && quiet > 60 && done < planned ? `, nothing logged for ${Math.round(quiet / 60)} min` : "";
  return done < planned ? `Running: ${done} of ${planned} cells done${tail}${still}.` : "";
}

function show(found) {
  drawn ??= found.page;
  const again = found.page !== drawn;
  const text = words(found);
  const key = `${text}${again}${found.log.join("\n")}`;
  if (key === told) return;
  told = key;
  box.hidden = !text && !again;
  const bar = Object.assign(document.createElement("progress"), { max: found.planned || 1, value: found.done });
  bar.setAttribute("aria-label", "cells done");
  const parts = text ? [make("p", text), bar] : [];
  if (text && found.log.length) {
    const log = make("pre", found.log.join("\n"));
    log.setAttribute("aria-hidden", "true");
    parts.push(log);
  }
  if (again) {
    const button = make("button", "The report was drawn again: show it");
    button.addEventListener("click", () => location.reload());
    parts.push(button);
  }
  box.replaceChildren(...parts);
}

async function ask() {
  try {
    const answer = await fetch("live.json", { cache: "no-store" });
    if (answer.ok) show(await answer.json());
  } catch {
    // the server is gone or busy: ask again later
  }
  setTimeout(ask, EVERY);
}

if (box) ask();
