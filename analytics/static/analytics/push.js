/* Sends what is left of a push that was begun by hand, part after part, as long as its page is open. */
(() => {
    "use strict";

    const form = document.querySelector("form[data-goes-on]");
    if (form) setTimeout(() => form.requestSubmit(), 1000);
})();
