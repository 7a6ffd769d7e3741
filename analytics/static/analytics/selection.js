"use strict";
// A checkbox that selects every row on the page: <label data-select-all="NAME" hidden><input type="checkbox"> …</label>.
// It is shown by this script alone, because nothing else makes it work.
for (const label of document.querySelectorAll("[data-select-all]")) {
    const every = label.querySelector("input");
    const rows = () => [...document.querySelectorAll(`input[type="checkbox"][name="${label.dataset.selectAll}"]`)];
    const update = () => {
        const selected = rows().filter((row) => row.checked).length;
        every.checked = selected > 0 && selected === rows().length;
        every.indeterminate = selected > 0 && !every.checked;
    };
    every.addEventListener("change", () => rows().forEach((row) => { row.checked = every.checked; }));
    document.addEventListener("change", (event) => { if (event.target.name === label.dataset.selectAll) update(); });
    label.hidden = false;
    update();
}
