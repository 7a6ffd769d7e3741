/* Escape closes the menu or panel that is open around the focus, else an open menu of filters, and the focus goes to what
   opened it; else the toast that tells what was done. A field keeps its Escape: what somebody types is not shut away. */
(() => {
    "use strict";

    const TYPED = "textarea, select, [contenteditable], input:not([type=checkbox], [type=radio], [type=button], [type=submit])";
    const isMenu = (details) => details?.matches(".choices");

    document.addEventListener("keydown", (event) => {
        if (event.key !== "Escape" || event.defaultPrevented || document.querySelector("dialog:modal")) return;
        const around = event.target.closest?.("main.rsolv details[open]");
        const open = around ?? document.querySelector("main.rsolv details.choices[open]");
        if (event.target.matches?.(TYPED) && !isMenu(open)) return;
        if (!open) {
            document.querySelector("dialog.toast[open]")?.close();
            return;
        }
        open.open = false;
        open.querySelector("summary").focus();
    });

    // Nothing opened a toast: whoever was in it goes on where the page begins.
    document.addEventListener("close", ({ target }) => {
        const focus = document.activeElement;
        if (!target.matches(".toast") || (focus !== document.body && !target.contains(focus))) return;
        const content = document.getElementById("content");
        content.tabIndex = -1;
        content.focus({ preventScroll: true });
    }, true);
})();
