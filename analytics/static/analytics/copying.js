"use strict";
// A button below each table copies it as cells, for a spreadsheet or a slide; what only a screen reader has stays out.
(() => {
    const SKIPPED = ".visually-hidden, button, input, select, form, script, svg";
    // As customers/text/cells.py has it: what a spreadsheet would run gets a quote before it.
    const safe = (text) =>
        /^'*[=+\-@\t\r＝＋－＠]/.test(text) && !/^-?[0-9]+(\.[0-9]+)?$/.test(text) ? `'${text}` : text;

    function words(cell) {
        const found = [];
        const walker = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
        while (walker.nextNode()) if (!walker.currentNode.parentElement.closest(SKIPPED)) found.push(walker.currentNode.data);
        return safe(found.join(" ").replace(/\s+/g, " ").trim());
    }

    /* The cells as they stand: a heading is said of each column below it, and otherwise one that reaches over others
       leaves these empty. Columns without any text go. */
    function grid(table) {
        const rows = [...table.rows].map(() => []);
        [...table.rows].forEach((row, line) => {
            let place = 0;
            for (const cell of row.cells) {
                while (rows[line][place] !== undefined) place += 1;
                for (let down = 0; down < cell.rowSpan; down += 1)
                    for (let right = 0; right < cell.colSpan; right += 1)
                        if (rows[line + down]) rows[line + down][place + right] = down || (right && cell.tagName === "TD") ? "" : words(cell);
            }
        });
        const head = table.tHead?.rows.length ?? 0;
        const full = (place) => rows.length === head || rows.slice(head).some((row) => row[place]);
        return rows.map((row) => Array.from(row, (text) => text ?? "").filter((_text, place) => full(place)));
    }

    const escaped = (text) => text.replace(/[&<>]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[sign]);

    function copy(table) {
        const rows = grid(table);
        const html = rows.map((row) => `<tr>${row.map((text) => `<td>${escaped(text)}</td>`).join("")}</tr>`).join("");
        document.addEventListener(
            "copy",
            (event) => {
                event.preventDefault();
                event.clipboardData.setData("text/plain", rows.map((row) => row.join("\t")).join("\n"));
                event.clipboardData.setData("text/html", `<table>${html}</table>`);
            },
            { once: true },
        );
        // Unlike the newer clipboard it also works where a server has no certificate.
        return document.execCommand("copy");
    }

    function add(box) {
        const table = box.querySelector("table");
        if (!table || box.nextElementSibling?.matches(".copy-table")) return;
        const button = Object.assign(document.createElement("button"), { type: "button", className: "copy-table" });
        button.textContent = inWords("Copy table");
        button.setAttribute("aria-live", "polite");
        button.addEventListener("click", () => {
            button.textContent = inWords(copy(table) ? "Copied" : "Not copied: select the table and copy it");
            setTimeout(() => { button.textContent = inWords("Copy table"); }, 3000);
        });
        box.after(button);
    }

    const addAll = () => document.querySelectorAll(".rsolv .table-box").forEach(add);
    document.addEventListener("DOMContentLoaded", addAll);
    document.addEventListener("htmx:afterSettle", addAll);
})();
