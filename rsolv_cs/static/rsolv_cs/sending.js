/* Disables the buttons of a form while it is being sent, so that a second click sends nothing. The server would store it
   once all the same; this only says so. Where the page stays (a download, a stopped request) they come back by themselves,
   and so they do in a page that the back button shows. */
(() => {
    "use strict";

    const LONGEST = 10_000;
    const waiting = new Map();

    const buttonsOf = (form) =>
        [...form.elements].filter((one) => ["submit", "image"].includes(one.type) && !one.disabled);

    function release(form) {
        const { buttons, timer } = waiting.get(form);
        clearTimeout(timer);
        waiting.delete(form);
        form.removeAttribute("aria-busy");
        for (const button of buttons) button.disabled = false;
    }

    document.addEventListener("submit", (event) => {
        const form = event.target;
        if (event.defaultPrevented || form.getAttribute("method")?.toLowerCase() !== "post") return;
        if (waiting.has(form)) {
            event.preventDefault();
            return;
        }
        const buttons = buttonsOf(form);
        waiting.set(form, { buttons, timer: setTimeout(release, LONGEST, form) });
        form.setAttribute("aria-busy", "true");
        // Not before the browser has read the form: a disabled button is not sent with it.
        setTimeout(() => buttons.forEach((button) => { button.disabled = true; }));
    });

    addEventListener("pageshow", () => [...waiting.keys()].forEach(release));
})();
