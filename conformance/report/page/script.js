"use strict";
for (const form of document.querySelectorAll("form[data-for]")) {
  const table = document.getElementById(form.dataset.for);
  const rows = [...table.querySelectorAll("tbody tr:not(.family)")];
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const show = () => {
    const given = new FormData(form);
    const words = given.get("text").toLowerCase().split(/\s+/).filter(Boolean);
    const outcome = given.get("outcome"), dtype = given.get("dtype") || "";
    let shown = 0;
    rows.forEach((row, k) => {
      const cells = [...row.querySelectorAll("[data-outcome]")].filter((cell) => !dtype || cell.dataset.dtype === dtype);
      const has = !outcome || cells.some((cell) => cell.dataset.outcome.split("; ").some((one) => one.startsWith(outcome)));
      row.hidden = !(has && words.every((word) => texts[k].includes(word)));
      shown += !row.hidden;
    });
    for (const cell of table.querySelectorAll("[data-dtype]")) cell.hidden = dtype && cell.dataset.dtype !== dtype;
    for (const body of table.tBodies) body.hidden = ![...body.rows].some((row) => !row.hidden && row.className !== "family");
    form.querySelector("output").textContent = shown < rows.length ? `${shown} of ${rows.length} rows` : "";
  };
  for (const change of ["input", "change"]) form.addEventListener(change, show);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  show(); // a reloaded page keeps what was typed
}
addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll("details")) folded.open = true;
});
