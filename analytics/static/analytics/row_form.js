"use strict";
// The form behind a link in a row of the customer table opens over the table; without this script it has its own page.
(() => {
    const dialog = document.createElement("dialog");
    dialog.className = "rsolv row-form";
    dialog.setAttribute("aria-labelledby", "row-form-title");
    document.body.append(dialog);
    let row = "";

    async function open(link) {
        const answer = await fetch(link.href, { headers: { "HX-Request": "true" } }).catch(() => null);
        const html = answer?.ok ? await answer.text() : "";
        if (!html.includes('class="act-form')) {
            // Logged out, not allowed any more, or no network: the page itself says so.
            location.assign(link.href);
            return;
        }
        dialog.innerHTML = html;
        const form = dialog.querySelector("form");
        const title = document.createElement("h2");
        title.id = "row-form-title";
        title.textContent = form.getAttribute("aria-label");
        form.prepend(title);
        row = link.closest("tr").id;
        dialog.showModal();
        form.querySelector("input:not([type=hidden]), select, textarea")?.focus();
    }

    document.addEventListener("click", (event) => {
        const link = event.target.closest("#customer-rows :is(.row-act, .owner-link)");
        if (link && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey)) {
            event.preventDefault();
            open(link);
        } else if (event.target === dialog || event.target.closest(".row-form [data-close]")) {
            event.preventDefault();
            dialog.close();
        }
    });

    // Where a refresh has replaced the link meanwhile, the focus goes to the customer's name.
    dialog.addEventListener("close", () => {
        if (document.activeElement === document.body) document.getElementById(row)?.querySelector(".customer-name").focus();
    });
})();
