"use strict";
// A checkbox that selects every row on the page: <label data-select-all="NAME" hidden><input type="checkbox"> …</label>.
// It is shown by this script alone, because nothing else makes it work. [data-selected="NAME"] says how many rows are.
(() => {
    const rows = (name) => [...document.querySelectorAll(`input[type="checkbox"][name="${name}"]`)];

    function update() {
        for (const label of document.querySelectorAll("[data-select-all]")) {
            const every = label.querySelector("input");
            const all = rows(label.dataset.selectAll);
            const selected = all.filter((row) => row.checked).length;
            every.checked = selected > 0 && selected === all.length;
            every.indeterminate = selected > 0 && !every.checked;
            label.hidden = all.length === 0;
        }
        for (const words of document.querySelectorAll("[data-selected]")) {
            const selected = rows(words.dataset.selected).filter((row) => row.checked).length;
            words.textContent = selected ? inWords("{number} selected", { number: selected }) : "";
        }
    }

    document.addEventListener("change", (event) => {
        const label = event.target.closest("[data-select-all]");
        if (label) for (const row of rows(label.dataset.selectAll)) row.checked = event.target.checked;
        update();
    });
    // A refresh swaps the table, and the back button checks boxes again.
    document.addEventListener("htmx:afterSettle", update);
    window.addEventListener("pageshow", update);
    update();
})();
