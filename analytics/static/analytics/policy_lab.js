/* The policy lab: lets the bar of a preview grow while it is computed, and says where it does not come. */
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

    function fail(elt) {
        elt.removeAttribute("aria-busy");
        elt.querySelector(".waiting").textContent = "The preview could not be loaded. Reload the page to try again.";
    }

    document.addEventListener("htmx:beforeSwap", (event) => {
        const { elt, xhr } = event.detail;
        if (elt.id !== "preview" || xhr.responseText.includes('id="preview"')) return;
        // Logged out, or the draft is gone.
        event.detail.shouldSwap = false;
        fail(elt);
    });
    for (const name of ["htmx:sendError", "htmx:timeout"]) {
        document.addEventListener(name, (event) => {
            if (event.detail.elt.id === "preview") fail(event.detail.elt);
        });
    }
})();
