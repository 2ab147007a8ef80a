"use strict";
for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    const text = button.parentElement.querySelector("pre").textContent;
    try { await navigator.clipboard.writeText(text); button.textContent = "Copied"; }
    catch { getSelection().selectAllChildren(button.parentElement.querySelector("pre")); button.textContent = "Selected"; }
  });
}
for (const input of document.querySelectorAll("[data-filter]")) {
  const rows = document.getElementById(input.dataset.filter).tBodies[0].rows;
  input.addEventListener("input", () => {
    const wanted = input.value.toLowerCase();
    for (const row of rows) { row.hidden = !row.textContent.toLowerCase().includes(wanted); }
  });
}
for (const table of document.querySelectorAll("#session-table")) {
  [...table.tHead.rows[0].cells].forEach((cell, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = cell.textContent;
    cell.textContent = "";
    cell.append(button);
    button.addEventListener("click", () => {
      const down = cell.getAttribute("aria-sort") === "ascending";
      for (const other of table.tHead.rows[0].cells) { other.removeAttribute("aria-sort"); }
      cell.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
      const rows = [...table.tBodies[0].rows].sort((a, b) => key(a).localeCompare(key(b), undefined, { numeric: true }));
      table.tBodies[0].append(...(down ? rows.reverse() : rows));
    });
  });
}
for (const svg of document.querySelectorAll("[data-zoom]")) {
  const box = svg.viewBox.baseVal;
  const whole = { x: box.x, width: box.width };
  let from = null;
  const show = (x, width) => {
    box.width = Math.min(width, whole.width);
    box.x = Math.max(whole.x, Math.min(x, whole.x + whole.width - box.width));
    svg.setAttribute("preserveAspectRatio", "none");
  };
  const at = (event) => box.x + (event.clientX - svg.getBoundingClientRect().left) / svg.clientWidth * box.width;
  svg.style.height = svg.clientHeight + "px";
  svg.addEventListener("wheel", (event) => {
    event.preventDefault();
    const x = at(event), factor = event.deltaY < 0 ? 0.8 : 1.25;
    show(x - (x - box.x) * factor, box.width * factor);
  }, { passive: false });
  svg.addEventListener("pointerdown", (event) => { from = at(event); svg.setPointerCapture(event.pointerId); });
  svg.addEventListener("pointermove", (event) => { if (from !== null) { show(box.x + from - at(event), box.width); } });
  svg.addEventListener("pointerup", () => { from = null; });
  svg.addEventListener("dblclick", () => show(whole.x, whole.width));
}
