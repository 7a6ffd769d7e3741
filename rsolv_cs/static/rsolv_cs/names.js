/* Names for what scripts of the admin draw without one: the menus of select2, and the signs of the two lists of roles. */
(() => {
    "use strict";

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
        for (const sign of document.querySelectorAll(".selector .help-tooltip")) sign.setAttribute("role", "img");
    }

    // jQuery draws the menus in a moment of its own after the page is read; this is the next one.
    window.addEventListener("load", () => setTimeout(nameAll));
})();
