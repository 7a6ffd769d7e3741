/* Trying a rule on past dates: says where the next part does not come. */
(() => {
    "use strict";

    const isOurs = (event) => event.detail.target?.id === "rule-lab";

    function fail() {
        const lab = document.getElementById("rule-lab");
        lab.removeAttribute("aria-busy");
        lab.querySelector(".waiting")?.remove();
        lab.querySelector(".failed")?.remove();
        const said = document.createElement("p");
        said.className = "notice notice-error failed";
        said.setAttribute("role", "alert");
        said.textContent = inWords("The next dates could not be loaded. Try again, or reload the page.");
        lab.append(said);
    }

    document.addEventListener("htmx:beforeSwap", (event) => {
        if (!isOurs(event) || event.detail.xhr.responseText.includes('id="rule-lab"')) return;
        // Logged out, refused, or an error.
        event.detail.shouldSwap = false;
        fail();
    });
    for (const name of ["htmx:sendError", "htmx:timeout"]) {
        document.addEventListener(name, (event) => {
            if (isOurs(event)) fail();
        });
    }
})();
