/* The policy lab: lets the bar of a preview grow while it is computed, and says where that or a back-test stops. */
(() => {
    "use strict";

    document.addEventListener("htmx:beforeSend", (event) => {
        const { elt, xhr } = event.detail;
        if (elt.id !== "preview") return;
        xhr.addEventListener("progress", () => {
            // The answer begins with how many customers are scored, again and again.
            const done = [...xhr.responseText.matchAll(/<data value="(\d+)">/g)].pop();
            if (done) elt.querySelector("progress").value = Number(done[1]);
        });
    });

    const told = {
        preview: inWords("The preview could not be loaded. Reload the page to try again."),
        "back-test": inWords("The back-test has stopped. Reload the page to continue it."),
    };

    function fail(part) {
        part.removeAttribute("aria-busy");
        part.querySelector(".waiting")?.remove();
        part.querySelector(".failed")?.remove();
        const said = document.createElement("p");
        said.className = "notice notice-error failed";
        said.setAttribute("role", "alert");
        said.textContent = told[part.id];
        part.append(said);
    }

    document.addEventListener("htmx:beforeSwap", (event) => {
        const { target, xhr } = event.detail;
        if (!(target.id in told) || xhr.responseText.includes(`id="${target.id}"`)) return;
        // Logged out, or the draft is gone.
        event.detail.shouldSwap = false;
        fail(target);
    });
    for (const name of ["htmx:sendError", "htmx:timeout"]) {
        document.addEventListener(name, (event) => {
            const part = event.detail.elt.closest("#preview, #back-test");
            if (part) fail(part);
        });
    }
})();
