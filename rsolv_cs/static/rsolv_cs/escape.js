/* Escape closes the menu or panel that is open around the focus, else an open menu of filters, and the focus goes to what
   opened it. A field keeps its Escape: what somebody types is not shut away. */
(() => {
    "use strict";

    const TYPED = "textarea, select, [contenteditable], input:not([type=checkbox], [type=radio], [type=button], [type=submit])";
    const isMenu = (details) => details?.matches(".choices");

    document.addEventListener("keydown", (event) => {
        if (event.key !== "Escape" || event.defaultPrevented || document.querySelector("dialog[open]")) return;
        const around = event.target.closest?.("main.rsolv details[open]");
        const open = around ?? document.querySelector("main.rsolv details.choices[open]");
        if (!open || (event.target.matches?.(TYPED) && !isMenu(open))) return;
        open.open = false;
        open.querySelector("summary").focus();
    });
})();
