// The table of cells: differences to a baseline, and an order that says where it may be chance.
"use strict";
const study = JSON.parse(document.getElementById("study").textContent);
(() => {
  const body = document.querySelector("#cells-table tbody");
  const rows = [...body.rows];
  const headings = [...document.querySelectorAll("#cells-table button[data-sort]")];
  const note = document.getElementById("order");

  const compare = () => {
    const baseline = document.querySelector("select[data-choice=baseline]").value;
    for (const row of rows)
      for (const slot of row.querySelectorAll(".difference"))
        slot.textContent =
          baseline === "" ? ""
          : row.dataset.cell === baseline ? "baseline"
          : study.differences[baseline][row.dataset.cell][slot.dataset.figure];
  };

  // Whether the order of two cells may be chance: their intervals touch, or one has none.
  const tied = ([mean, half], [other, others]) =>
    half === null || others === null || Math.abs(mean - other) <= half + others;

  const sort = () => {
    const wanted = salmon.state.get("sort") ?? "";
    const descending = wanted.startsWith("-");
    const figure = wanted.replace("-", "");
    const of = (row) => study.estimates[row.dataset.cell][figure];
    const mean = (row) => (of(row)?.[0] ?? null);
    const sorted = [...rows];
    if (figure in (study.estimates[0] ?? []))
      sorted.sort((one, other) => {
        if (mean(one) === null || mean(other) === null) return (mean(one) === null) - (mean(other) === null);
        return descending ? mean(other) - mean(one) : mean(one) - mean(other);
      });
    let ties = 0;
    sorted.forEach((row, place) => {
      const above = sorted[place - 1];
      const tie = figure !== "" && above && mean(row) !== null && tied(of(row), of(above));
      row.querySelector(".tie").textContent = tie ? "≈" : "";
      ties += tie ? 1 : 0;
    });
    body.append(...sorted);
    for (const button of headings) {
      const mine = figure !== "" && button.dataset.sort === figure;
      if (mine) button.parentElement.setAttribute("aria-sort", descending ? "descending" : "ascending");
      else button.parentElement.removeAttribute("aria-sort");
    }
    note.textContent =
      figure === "" ? "In the order of the sweep."
      : `Sorted by the mean of ${study.figures[figure].title}. ` + (ties
        ? `≈ (${ties} of ${rows.length} rows): not told apart from the row above, since the intervals overlap or n = 1.`
        : "Every row is apart from the one above by more than both intervals.");
  };

  for (const button of headings)
    button.addEventListener("click", () => {
      const figure = button.dataset.sort;
      salmon.choose("sort", figure === "" ? "" : salmon.state.get("sort") === `-${figure}` ? figure : `-${figure}`);
    });
  salmon.onChoice((key) => {
    if (key === "baseline") compare();
    if (key === "sort") sort();
  });
  compare();
  sort();
})();
