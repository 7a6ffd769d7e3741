/* Names for what scripts of the admin draw without one: the menus of select2, boxes that scroll, and signs beside lists. */
(() => {
    "use strict";

    const BOXES = { "#changelist-filter": "Filters", "#changelist-form": "Rows" };

    function nameAll() {
        for (const menu of document.querySelectorAll(".select2-selection")) {
            const label = document.querySelector(`label[for="${menu.closest(".select2")?.previousElementSibling?.id}"]`);
            const chosen = menu.querySelector(".select2-selection__rendered");
            if (!label || !chosen) continue;
            label.id ||= `${label.htmlFor}-label`;
            menu.setAttribute("aria-labelledby", `${label.id} ${chosen.id}`);
            // It is the menu's text, no field of its own.
            chosen.removeAttribute("role");
            chosen.removeAttribute("aria-readonly");
        }
        for (const [box, name] of Object.entries(BOXES)) document.querySelector(`${box} .simplebar-content-wrapper`)?.setAttribute("aria-label", inWords(name));
        for (const sign of document.querySelectorAll(".selector .help-tooltip")) sign.setAttribute("role", "img");
    }

    window.addEventListener("load", () => {
        // jQuery draws the menus in a moment of its own after the page is read; this is the next one.
        setTimeout(nameAll);
        // unfold hides the page until its scripts have run, which is too late for autofocus.
        if (document.activeElement === document.body) document.querySelector("[autofocus]")?.focus();
    });
})();
