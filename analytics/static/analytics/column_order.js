"use strict";
// The rows of the form that orders columns are dragged by the mouse; its buttons do the same for everybody else.
(() => {
    const rows = () => [...document.querySelectorAll(".column-rows li:has(.moves)")];
    const rowAt = (event) => event.target.closest?.(".column-rows [draggable]");
    let dragged = null;

    function update() {
        const all = rows();
        all.forEach((row, place) => {
            row.draggable = true;
            row.querySelector("[name=up]").ariaDisabled = place === 0 ? "true" : null;
            row.querySelector("[name=down]").ariaDisabled = place === all.length - 1 ? "true" : null;
        });
    }

    document.addEventListener("dragstart", (event) => {
        dragged = rowAt(event) ?? null;
        dragged?.classList.add("dragged");
    });
    document.addEventListener("dragover", (event) => {
        const over = rowAt(event);
        if (!dragged || !over) return;
        event.preventDefault();
        const isBelow = dragged.compareDocumentPosition(over) & Node.DOCUMENT_POSITION_FOLLOWING;
        if (over !== dragged) over[isBelow ? "after" : "before"](dragged);
    });
    document.addEventListener("drop", (event) => {
        if (dragged) event.preventDefault();
    });
    document.addEventListener("dragend", () => {
        dragged?.classList.remove("dragged");
        dragged = null;
        update();
    });
    // A move by a button swaps the form.
    document.addEventListener("htmx:afterSettle", update);
    update();
})();
