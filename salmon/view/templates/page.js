// What every page does: draws its charts when they come into view, in the colours of the reader's scheme, and keeps the
// reader's choices in the address, so that a link has them.
"use strict";
const salmon = (() => {
  const LIGHT = { ink: "#1b1b1b", grid: "#dddddd", paper: "#ffffff" };
  const DARK = { ink: "#e8e8e8", grid: "#3a4046", paper: "#15181b" };
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  const columns = JSON.parse(document.getElementById("columns").textContent);
  const listeners = [];
  let printing = false;

  const colours = () => (scheme.matches && !printing ? DARK : LIGHT);

  // --- choices, kept in the address ---
  const state = new URLSearchParams(location.hash.includes("=") ? location.hash.slice(1) : "");
  const choose = (key, value) => {
    state.set(key, value);
    history.replaceState(null, "", "#" + state);
    for (const listener of listeners) listener(key, value);
  };
  const onChoice = (listener) => listeners.push(listener);

  // --- charts ---
  // A value of a trace with names of columns and of colours put in.
  const resolved = (value, theme) => {
    if (Array.isArray(value)) return value.map((item) => resolved(item, theme));
    if (value !== null && typeof value === "object") {
      if (typeof value.column === "string") return columns[value.column];
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, resolved(item, theme)]));
    }
    return typeof value === "string" && value.startsWith("theme:") ? theme[value.slice(6)] : value;
  };
  const layoutOf = (layout, theme, title) => {
    const axis = { gridcolor: theme.grid, zerolinecolor: theme.grid, linecolor: theme.grid, automargin: true };
    const whole = {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: theme.ink, size: 12 },
      margin: { l: 8, r: 8, t: 8, b: 8 }, hovermode: "closest", autosize: true,
      hoverlabel: { bgcolor: theme.paper, font: { color: theme.ink } },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: theme.grid, activecolor: theme.ink },
      legend: { orientation: "h", yref: "container", yanchor: "bottom", y: 0, x: 0, traceorder: "normal" }, ...resolved(layout, theme),
    };
    for (const name of new Set(["xaxis", "yaxis", ...Object.keys(whole).filter((key) => /^[xy]axis\d*$/.test(key))]))
      whole[name] = { ...axis, ...whole[name] };
    if (title) whole.xaxis.title = { text: title };
    return whole;
  };
  const draw = (figure) => {
    const spec = (figure.spec ??= JSON.parse(figure.querySelector("script.data").textContent));
    const theme = colours();
    const names = Object.keys(spec.axes);
    const axis = spec.axes[state.get("x")] ?? spec.axes[names[0]];
    const traces = resolved(spec.traces, theme);
    if (axis) traces.forEach((trace, place) => { trace.x = columns[axis.columns[place]]; });
    const plot = figure.querySelector(".plot");
    const layout = layoutOf(spec.layout, theme, axis && axis.title);
    if (printing) Object.assign(layout, { autosize: false, width: plot.clientWidth, height: plot.clientHeight });
    figure.drawn = true;
    return Plotly.react(plot, traces, layout, {
      responsive: true, displaylogo: false, displayModeBar: "hover",
      modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]],
    });
  };
  const figures = [...document.querySelectorAll("figure.chart")];
  const redraw = () => figures.filter((figure) => figure.drawn).forEach(draw);
  const seen = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries)
      if (isIntersecting) {
        seen.unobserve(target);
        draw(target);
      }
  }, { rootMargin: "400px" });

  // --- wiring ---
  for (const select of document.querySelectorAll("select[data-choice]")) {
    const wanted = state.get(select.dataset.choice);
    if ([...select.options].some((option) => option.value === wanted)) select.value = wanted;
    select.addEventListener("change", () => choose(select.dataset.choice, select.value));
  }
  onChoice((key) => { if (key === "x") redraw(); });
  scheme.addEventListener("change", redraw);
  const inPrint = (on) => {
    printing = on;
    document.documentElement.classList.toggle("printing", on); // the width of paper, before anything is measured
    for (const box of document.querySelectorAll(".scroll")) {
      const table = box.querySelector("table");
      table.style.zoom = 1;
      if (on) table.style.zoom = Math.min(1, box.clientWidth / table.offsetWidth); // paper cannot be scrolled
    }
  };
  addEventListener("beforeprint", () => {
    inPrint(true);
    figures.forEach(draw);
  });
  addEventListener("afterprint", () => {
    inPrint(false);
    redraw();
  });
  figures.forEach((figure) => seen.observe(figure));
  return { columns, state, choose, onChoice, draw, figures };
})();
