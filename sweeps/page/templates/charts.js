// The charts of a study. Which cells, metric, figure and axes they show is the reader's choice.
"use strict";
(() => {
  const hidden = new Set((salmon.state.get("hide") ?? "").split(",").filter(Boolean).map(Number));
  const element = (name) => document.querySelector(`[data-chart="${name}"] figure.chart`);
  const template = (name) => JSON.parse(element(name).querySelector("script.data").textContent);
  const value = (key) => document.querySelector(`select[data-choice="${key}"]`)?.value;
  const visible = () => [...study.cells.keys()].filter((place) => !hidden.has(place));
  // plotly reads a little HTML in names.
  const plain = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

  const show = (name, spec) => {
    const figure = element(name);
    figure.spec = spec;
    if (figure.drawn) salmon.draw(figure);
  };
  const ofVisible = (spec) => ({ ...spec, traces: spec.traces.filter((trace) => !hidden.has(trace.meta)) });

  const frontier = () => show("frontier", ofVisible(template("frontier")));

  const curves = () => {
    const metric = value("metric");
    if (metric === undefined) return;
    const found = study.metrics[metric];
    study.cells.forEach((_, place) => {
      const [steps, mean, low, high] = found[place] ?? [];
      const put = (part, values) => { salmon.columns[`curve/${place}/${part}`] = values ?? []; };
      put("x", study.steps[steps]);
      put("mean", mean);
      put("low", low);
      put("high", high);
    });
    const { unit, meaning } = study.units[metric];
    document.getElementById("metric-meaning").textContent = meaning;
    const spec = ofVisible(template("curves"));
    spec.layout.yaxis.title.text = plain(unit ? `${metric} (${unit})` : metric);
    show("curves", spec);
  };

  // One figure against a swept axis: a line for each choice of the other axes. Without an axis: a mark for each cell.
  const scaling = () => {
    const figure = Number(value("figure"));
    if (!study.figures.length) return;
    const axis = study.axes.find(({ key }) => key === value("by"));
    const groups = new Map();
    for (const place of visible()) {
      const [mean, half, n] = study.estimates[place][figure] ?? [null];
      if (mean === null) continue;
      const { name, axes } = study.cells[place];
      const others = Object.entries(axes).filter(([key]) => key !== axis?.key).map(([, text]) => text).join(", ");
      const group = axis ? others || "all" : name;
      const at = axis ? axis.values.indexOf(axes[axis.key]) : groups.size;
      if (!groups.has(group)) groups.set(group, { place, points: [] });
      groups.get(group).points.push({ at, mean, half, n });
    }
    const ordinal = !axis || axis.ordinal;
    const traces = [...groups].map(([group, { place, points }], number) => {
      points.sort((one, other) => one.at - other.at);
      const style = study.styles[axis ? number : place];
      const shift = axis && ordinal ? 0.05 * (number - (groups.size - 1) / 2) / Math.max(1, groups.size / 6) : 0;
      return {
        type: "scatter", mode: axis ? "lines+markers" : "markers", name: plain(group),
        x: points.map(({ at }) => (axis ? axis.places[at] : at) + shift), y: points.map(({ mean }) => mean),
        error_y: { type: "data", array: points.map(({ half }) => half ?? 0), color: style.color, thickness: 1.5 },
        text: points.map(({ half, n }) => (half === null ? "n = 1: no interval" : `± ${half.toPrecision(3)}, n = ${n}`)),
        hovertemplate: "%{y} %{text}", line: { color: style.color, dash: style.dash },
        marker: { color: style.color, symbol: style.symbol, size: 9 },
      };
    });
    const names = [...groups.keys()].map(plain);
    show("scaling", {
      traces, axes: {},
      layout: {
        showlegend: Boolean(axis) && groups.size > 1,
        xaxis: {
          title: { text: axis ? plain(axis.title) : "" }, type: axis?.log ? "log" : "linear", tickmode: "array",
          tickvals: axis ? axis.places : names.map((_, place) => place), ticktext: axis ? axis.labels.map(plain) : names,
        },
        yaxis: { title: { text: plain(study.figures[figure].title) } },
      },
    });
  };

  const boxes = [...document.querySelectorAll("input[data-dimension]")];
  const chosen = salmon.state.get("dimensions");
  if (chosen !== null) for (const box of boxes) box.checked = chosen.split(",").includes(box.dataset.dimension);
  const parallel = () => {
    const keys = boxes.filter((box) => box.checked).map((box) => box.dataset.dimension);
    const figures = keys.filter((key) => key.startsWith("f")).map((key) => Number(key.slice(1)));
    const has = (place) => figures.every((figure) => (study.estimates[place][figure]?.[0] ?? null) !== null);
    const lines = visible().filter(has);
    const dimensions = keys.map((key) => {
      const number = Number(key.slice(1));
      if (key.startsWith("f"))
        return {
          label: plain(study.figures[number].title), values: lines.map((place) => study.estimates[place][number][0]),
        };
      const axis = study.axes[number];
      return {
        label: plain(axis.key), values: lines.map((place) => axis.values.indexOf(study.cells[place].axes[axis.key])),
        tickvals: axis.values.map((_, place) => place), ticktext: axis.values.map(plain),
        range: [-0.2, Math.max(axis.values.length - 1, 0) + 0.2],
      };
    });
    const last = figures.at(-1);
    const single = lines.filter((place) => figures.some((figure) => study.estimates[place][figure][2] === 1)).length;
    const colour = last === undefined ? lines.map(() => 0) : lines.map((place) => study.estimates[place][last][0]);
    document.getElementById("parallel-note").textContent =
      `A line is the mean of a cell's seeds, so lines that lie close may differ by chance; drag along an axis to select.` +
      (single ? ` ${single} of ${lines.length} lines rest on n = 1 in a figure.` : "") +
      (last === undefined ? "" : ` Colour: ${study.figures[last].title}, from blue (lowest) to orange.`) +
      (lines.length < visible().length ? ` ${visible().length - lines.length} cells lack one of the figures.` : "");
    show("parallel", {
      axes: {},
      traces: [{
        type: "parcoords", dimensions, labelangle: dimensions.length > 6 ? -20 : 0,
        labelfont: { size: 13 }, tickfont: { size: 12 }, rangefont: { size: 11 },
        line: { color: colour, colorscale: [[0, "#56B4E9"], [1, "#D55E00"]] },
      }],
      layout: { xaxis: { visible: false }, yaxis: { visible: false }, margin: { l: 70, r: 50, t: 70, b: 20 } },
    });
  };

  for (const box of document.querySelectorAll("input[data-shown]")) {
    const place = Number(box.dataset.shown);
    box.checked = !hidden.has(place);
    box.addEventListener("change", () => {
      if (box.checked) hidden.delete(place);
      else hidden.add(place);
      salmon.choose("hide", [...hidden].join(","));
    });
  }
  for (const button of document.querySelectorAll("button[data-show]"))
    button.addEventListener("click", () => {
      const all = button.dataset.show === "all";
      hidden.clear();
      if (!all) for (const place of study.cells.keys()) hidden.add(place);
      for (const box of document.querySelectorAll("input[data-shown]")) box.checked = all;
      salmon.choose("hide", [...hidden].join(","));
    });
  for (const box of boxes)
    box.addEventListener("change", () => {
      salmon.choose("dimensions", boxes.filter((each) => each.checked).map((each) => each.dataset.dimension).join(","));
    });
  const drawn = { metric: [curves], figure: [scaling], by: [scaling], dimensions: [parallel],
    hide: [frontier, curves, scaling, parallel] };
  salmon.onChoice((key) => { for (const draw of drawn[key] ?? []) draw(); });
  for (const draw of drawn.hide) draw();
})();
