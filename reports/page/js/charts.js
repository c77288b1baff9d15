// Small pictures inside panels: learning curves, and intervals on one common axis.
const WIDE = 260;
const HIGH = 120;
const PAD = { left: 34, right: 8, top: 8, bottom: 20 };

const across = (value, low, high, from, to) => from + ((to - from) * (value - low)) / (high - low || 1);

// The epoch of a curve's value: every `step`-th from the first on, and the last.
const epochAt = (index, count, step, epochs) => (index === count - 1 ? epochs : 1 + index * step);

function curveChart(curve, { unit, step }, title) {
  const lines = ["train", "validation"].flatMap((kind) =>
    curve[kind]
      .map((values, seed) => ({ kind, values, epochs: curve.epochs[seed], kept: curve.kept[seed] }))
      .filter((line) => line.values),
  );
  const all = lines
    .flatMap((line) => line.values)
    .filter((value) => value !== null)
    .map((value) => value / unit);
  if (!all.length) return null;
  const [low, high] = [Math.min(0, ...all), Math.max(...all)];
  const last = Math.max(...lines.map((line) => line.epochs));
  const x = (epoch) => across(epoch, 1, last, PAD.left, WIDE - PAD.right);
  const y = (loss) => across(loss, low, high, HIGH - PAD.bottom, PAD.top);
  const frame = draw(
    "svg",
    { viewBox: `0 0 ${WIDE} ${HIGH}`, class: "curve", role: "img", "aria-label": `Loss by epoch on ${title}` },
    ...axesOf(x, y, low, high, last),
  );
  for (const line of lines) frame.append(...curveLine(line, x, y, unit, step));
  return frame;
}

function axesOf(x, y, low, high, last) {
  const text = (content, left, top, anchor) =>
    draw("text", { x: left, y: top, "text-anchor": anchor }, content);
  return [
    draw("path", { class: "axis", d: `M${PAD.left} ${PAD.top}V${HIGH - PAD.bottom}H${WIDE - PAD.right}` }),
    text(short(high), PAD.left - 4, y(high) + 8, "end"),
    text(short(low), PAD.left - 4, y(low), "end"),
    text("1", x(1), HIGH - 6, "middle"),
    text(`epoch ${last}`, x(last), HIGH - 6, "end"),
  ];
}

const short = (value) =>
  Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(2).replace(/\.?0+$/, "") || "0";

function curveLine({ kind, values, epochs, kept }, x, y, unit, step) {
  const points = values.map((value, index) =>
    value === null ? null : [epochAt(index, values.length, step, epochs), value / unit],
  );
  let pen = "M";
  let path = "";
  for (const point of points) {
    path += point ? `${pen}${x(point[0]).toFixed(1)} ${y(point[1]).toFixed(1)}` : "";
    pen = point ? "L" : "M";
  }
  const made = [draw("path", { class: `line ${kind}`, d: path })];
  const near =
    kept &&
    kind === "validation" &&
    points.filter(Boolean).sort((a, b) => Math.abs(a[0] - kept) - Math.abs(b[0] - kept))[0];
  if (near)
    made.push(draw("circle", { class: "kept", cx: x(near[0]).toFixed(1), cy: y(near[1]).toFixed(1), r: 2.4 }));
  return made;
}

// The axis that all intervals of one data set share: the numbers' own range, and a little air.
function span(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const air = (high - low || 0.02) * 0.05;
  return { low: low - air, high: high + air };
}

function intervalBar({ mean, half, first }, seeds, { low, high }, marks = []) {
  const x = (value) => across(value, low, high, 2, 198).toFixed(1);
  const made = draw("svg", {
    viewBox: "0 0 200 16",
    class: "interval",
    "aria-hidden": "true",
    preserveAspectRatio: "none",
  });
  for (const mark of marks)
    made.append(draw("path", { class: `mark ${mark.kind}`, d: `M${x(mark.value)} 0V16` }));
  if (half !== null) made.append(draw("path", { class: "range", d: `M${x(mean - half)} 8H${x(mean + half)}` }));
  for (const value of seeds)
    if (value !== null) made.append(draw("path", { class: "seed", d: `M${x(value)} 5V11` }));
  made.append(draw("path", { class: first ? "mean first" : "mean", d: `M${x(mean)} 2V14` }));
  return made;
}
