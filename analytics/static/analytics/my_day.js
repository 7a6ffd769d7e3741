/* The acts in place: one form is open at a time, Escape closes it, and the focus stays where the visitor works. */
(() => {
    "use strict";

    const region = () => document.getElementById("my-day");
    const news = document.getElementById("my-day-news");
    const works = () => [...region().querySelectorAll(".work")];
    let opener = null;
    let place = 0;

    function close(focus) {
        for (const panel of region().querySelectorAll(".act-panel")) panel.replaceChildren();
        for (const menu of region().querySelectorAll("details[open]")) menu.open = false;
        opener?.removeAttribute("aria-expanded");
        if (focus) (opener?.closest("details")?.querySelector("summary") ?? opener)?.focus();
        opener = null;
    }

    document.addEventListener("keydown", (event) => {
        if (event.key !== "Escape" || !region().contains(event.target)) return;
        const menu = event.target.closest("details[open]");
        if (opener) close(true);
        else if (menu) {
            menu.open = false;
            menu.querySelector("summary").focus();
        }
    });

    document.addEventListener("click", (event) => {
        if (event.target.closest("#my-day [data-close]")) {
            event.preventDefault();
            close(true);
        }
        // A menu is left by a click anywhere else.
        for (const menu of region().querySelectorAll("details[open]")) {
            if (!menu.contains(event.target)) menu.open = false;
        }
    });

    document.addEventListener("htmx:beforeRequest", (event) => {
        const link = event.detail.elt;
        const work = link.closest("#my-day .work");
        if (!work) return;
        place = works().indexOf(work);
        if (link.matches("a")) {
            close(false);
            opener = link;
            link.setAttribute("aria-expanded", "true");
        }
    });

    document.addEventListener("htmx:beforeSwap", (event) => {
        const { xhr, requestConfig } = event.detail;
        if (!requestConfig.elt.closest("#my-day")) return;
        if (xhr.status === 422) {
            // The form again, with what is wrong in it: in its own place.
            event.detail.shouldSwap = true;
            event.detail.isError = false;
            event.detail.target = requestConfig.elt.closest(".act-panel");
            event.detail.selectOverride = ".act-form";
            event.detail.swapOverride = "innerHTML";
        } else if (!/id="my-day"|class="act-form/.test(xhr.responseText)) {
            // Logged out, or not allowed any more: the page itself says so.
            event.detail.shouldSwap = false;
            location.reload();
        }
    });

    document.addEventListener("htmx:afterSwap", (event) => {
        const target = event.detail.target;
        if (target.matches(".act-panel")) {
            const invalid = target.querySelector(".field .reasons")?.closest(".field");
            (invalid ?? target).querySelector("input:not([type=hidden]), select, textarea, .tools button")?.focus();
            return;
        }
        if (target.id !== "my-day") return;
        opener = null;
        news.textContent = document.getElementById("my-day-said")?.textContent.trim() ?? "";
        const next = works()[Math.min(place, works().length - 1)];
        (next?.querySelector(".work-name") ?? document.getElementById("work")).focus();
    });
})();
