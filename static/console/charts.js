// Charts over time: what {% chart %} describes, drawn with uPlot in the colours of the theme.
import uPlot from "../vendor/uplot.js";
import { onFound } from "./found.js";
import { format } from "./units.js";

const drawn = new Map();
// Steps of an axis of time, in ms, that read well: 1 s, 15 s, 1 min, never 50 s or 1.7 min.
const DURATIONS = [
  ...[0.01, 0.1, 1, 10, 100].flatMap((one) => [one, 2 * one, 5 * one]),
  ...[1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600].map((seconds) => seconds * 1000),
];

const FAMILY = 'Inter, system-ui, -apple-system, "Segoe UI", sans-serif';

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--c-${name}`).trim() || "#888";
const faded = (value, share) => `color-mix(in srgb, ${value} ${share}%, transparent)`;

// Areas and bars are stacked: each is drawn up to the sum of itself and all below it.
function stacked(series) {
  const sums = [];
  return series.map(({ values }) => values.map((value, index) => {
    sums[index] = (sums[index] ?? 0) + (value ?? 0);
    return value === null && series.length === 1 ? null : sums[index];
  }));
}

const told = (canvas) => document.getElementById(canvas.dataset.chart)?.textContent;

function build(canvas) {
  const text = told(canvas);
  const data = JSON.parse(text);
  const figure = canvas.closest("figure");
  const stacks = data.kind !== "line";
  const order = data.series.map((_, index) => index);
  // The tallest is drawn first, the others over it.
  if (stacks) order.reverse();
  const soft = colour("text-soft");
  const grid = colour("line-soft");
  const font = `11px ${FAMILY}`;
  const bars = uPlot.paths.bars({ size: [0.72, 48], radius: 0.12 });
  const curve = uPlot.paths.spline();

  const options = {
    width: Math.max(200, canvas.clientWidth),
    height: data.height,
    // The last moment's label is as wide to its right as to its left.
    padding: [8, 18, 0, 0],
    legend: { show: false },
    cursor: {
      points: { size: 7, width: 2 },
      drag: { x: data.zoom, y: false, setScale: false },
      y: false,
    },
    select: { show: data.zoom },
    scales: {
      x: { time: true, range: data.kind === "bars" ? padded : undefined },
      y: { range: (_, low, high) => [Math.min(0, low ?? 0), (high || 1) * 1.08] },
    },
    axes: [
      { stroke: soft, font, grid: { show: false }, ticks: { show: false }, size: 28, space: 70,
        values: (_, splits, __, ___, step) => splits.map((at) => moment(at, step)) },
      { stroke: soft, font, size: (self, values) => 14 + Math.max(20, ...(values ?? [""]).map((one) => one.length * 6.4)), gap: 6, ticks: { show: false }, border: { show: false },
        grid: { stroke: grid, width: 1 }, space: 44,
        ...(data.unit === "ms" ? { incrs: DURATIONS } : {}),
        values: (_, splits) => splits.map((value) => format(value, data.unit, { axis: true })) },
    ],
    series: [{}, ...order.map((index) => ({
      label: data.series[index].label,
      stroke: colour(data.series[index].colour),
      width: data.kind === "bars" ? 0 : 2,
      // A sheet of the ground keeps what lies below from shining through.
      fill: data.kind === "line" ? (data.series.length === 1 ? faded(colour(data.series[index].colour), 10) : undefined)
        : data.kind === "area" ? colour(`${data.series[index].colour}-fill`) : colour(data.series[index].colour),
      paths: data.kind === "bars" ? bars : curve,
      points: data.kind === "line" ? { show: true, size: 4, filter: alone } : { show: data.kind === "area" && data.times.length < 3 },
      spanGaps: false,
    }))],
    hooks: {
      draw: [(self) => marks(self, data.marks ?? [], soft)],
      setSelect: [(self) => zoom(self)],
      setCursor: [(self) => point(self, data, tip)],
    },
  };
  const tip = document.createElement("div");
  tip.className = "chart-tip";
  tip.hidden = true;
  const plot = new uPlot(options, columns(data, order), canvas);
  plot.over.append(tip);
  plot.over.addEventListener("mouseleave", () => { tip.hidden = true; });
  legend(figure, data, plot, order);
  drawn.set(canvas, { plot, data, order, text });
  resizes.observe(canvas);
}

// What happened, as broken lines from top to bottom.
function marks(self, moments, stroke) {
  const { ctx, bbox } = self;
  ctx.save();
  ctx.strokeStyle = stroke;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
  for (const at of moments) {
    const x = Math.round(self.valToPos(at, "x", true));
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}

// In the order of drawing.
function columns(data, order) {
  const values = data.kind === "line" ? data.series.map((one) => one.values) : stacked(data.series);
  return [data.times, ...order.map((index) => values[index])];
}

function forget(canvas) {
  drawn.get(canvas).plot.destroy();
  drawn.delete(canvas);
  resizes.unobserve(canvas);
}

// A live part came anew: the plots in it stay and take the new values.
const shape = (data) => JSON.stringify([data.kind, data.unit, data.height, data.series.map((one) => [one.label, one.colour])]);

function refresh(canvas) {
  const shown = drawn.get(canvas);
  const text = canvas.isConnected ? told(canvas) : undefined;
  if (text === undefined) { forget(canvas); return; }
  if (text === shown.text) return;
  const data = JSON.parse(text);
  if (shape(data) !== shape(shown.data)) {
    forget(canvas);
    build(canvas);
    return;
  }
  shown.text = text;
  Object.assign(shown.data, data);
  shown.plot.setData(columns(data, shown.order));
}
document.addEventListener("htmx:afterSettle", () => {
  for (const canvas of [...drawn.keys()]) refresh(canvas);
});

// What was measured between two gaps has no line to be seen by.
function alone(self, series) {
  const values = self.data[series];
  return values.flatMap((value, index) => (value != null && values[index - 1] == null && values[index + 1] == null ? [index] : []));
}

const padded = (self, low, high) => {
  const times = self.data[0];
  const step = times.length > 1 ? times[1] - times[0] : 60;
  return [low - step / 2, high + step / 2];
};

function moment(at, step) {
  const date = new Date(at * 1000);
  if (step >= 86400) return date.toLocaleDateString("en-GB", { day: "numeric", month: "short" });
  const time = date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  return time === "00:00" ? date.toLocaleDateString("en-GB", { day: "numeric", month: "short" }) : time;
}

// One key for each series; a click shows and hides it.
function legend(figure, data, plot, order) {
  const list = figure.querySelector("[data-legend]");
  list.replaceChildren();
  if (data.series.length < 2) return;
  data.series.forEach((one, index) => {
    const item = document.createElement("li");
    const button = document.createElement(data.kind === "line" ? "button" : "span");
    const mark = document.createElement("span");
    mark.className = `swatch swatch-${one.colour}`;
    button.append(mark, one.label);
    if (data.kind === "line") {
      button.type = "button";
      button.setAttribute("aria-pressed", "true");
      button.addEventListener("click", () => {
        const place = order.indexOf(index) + 1;
        const shown = !plot.series[place].show;
        plot.setSeries(place, { show: shown });
        button.setAttribute("aria-pressed", String(shown));
      });
    }
    item.append(button);
    list.append(item);
  });
}

function point(self, data, tip) {
  const index = self.cursor.idx;
  if (index === null || index === undefined || self.cursor.left < 0) { tip.hidden = true; return; }
  const head = document.createElement("div");
  head.className = "chart-tip-head";
  head.textContent = new Date(data.times[index] * 1000).toLocaleString("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
  const rows = data.series.map((one) => {
    const row = document.createElement("div");
    row.className = "chart-tip-row";
    const mark = document.createElement("span");
    mark.className = `swatch swatch-${one.colour}`;
    const value = document.createElement("strong");
    value.textContent = format(one.values[index], data.unit);
    const name = document.createElement("span");
    name.textContent = one.label;
    row.append(mark, name, value);
    return row;
  });
  tip.replaceChildren(head, ...rows);
  tip.hidden = false;
  const at = self.valToPos(data.times[index], "x");
  const left = at + tip.offsetWidth + 16 > self.over.clientWidth ? at - tip.offsetWidth - 12 : at + 12;
  tip.style.transform = `translate(${Math.max(0, Math.round(left))}px, 8px)`;
}

// A dragged range becomes the page's, unless the page wants to do something else with it.
function zoom(self) {
  const { left, width } = self.select;
  if (width < 6) return;
  const [start, end] = [left, left + width].map((at) => Math.round(self.posToVal(at, "x")));
  self.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
  const wanted = new CustomEvent("zoom", { bubbles: true, cancelable: true, detail: { start, end } });
  if (!self.root.dispatchEvent(wanted)) return;
  const url = new URL(window.location.href);
  url.searchParams.delete("range");
  for (const name of ["page", "after"]) url.searchParams.delete(name);
  url.searchParams.set("from", iso(start));
  url.searchParams.set("to", iso(Math.max(end, start + 60)));
  window.location.assign(url);
}
const iso = (seconds) => new Date(seconds * 1000).toISOString().replace(".000", "");

const resizes = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const plot = drawn.get(target)?.plot;
    if (!target.isConnected) { if (plot) forget(target); }
    else if (plot && target.clientWidth && Math.abs(plot.width - target.clientWidth) > 1) plot.setSize({ width: target.clientWidth, height: plot.height });
  }
});
document.addEventListener("theme", () => {
  for (const canvas of [...drawn.keys()]) {
    forget(canvas);
    if (canvas.isConnected) build(canvas);
  }
});
// What was drawn before the font was there is drawn again with it.
document.fonts.load(`11px ${FAMILY}`).then(() => {
  for (const { plot } of drawn.values()) plot.redraw(false, true);
});
onFound("[data-chart]", build);
