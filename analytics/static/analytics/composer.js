"use strict";
// The box of a customer's page says what to type for each kind: <input type="radio" name="kind" data-placeholder="…">.
(() => {
    const box = document.getElementById("composer");
    if (!box) return;
    const text = box.querySelector("textarea");
    const usual = text.placeholder;
    const update = () => {
        text.placeholder = box.querySelector('[name="kind"]:checked')?.dataset.placeholder || usual;
    };
    box.addEventListener("change", update);
    // The back button checks a kind again.
    window.addEventListener("pageshow", update);
    update();
})();
