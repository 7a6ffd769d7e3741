"use strict";
// The sum of the maximum points follows what is typed. Without this script it is that of the stored policy.
(() => {
    const box = document.querySelector("[data-maxima]");
    if (!box) {
        return;
    }
    const weights = JSON.parse(box.dataset.maxima);
    const inputs = Object.keys(weights).map((name) => document.getElementById(`id_${name}`));
    const parts = box.querySelector("[data-parts]");
    const total = box.querySelector("[data-total]");

    function show() {
        const points = inputs.map((input) => (Number.parseInt(input.value, 10) || 0) * weights[input.name]);
        const sum = points.reduce((one, other) => one + other, 0);
        parts.textContent = points.join(" + ");
        total.textContent = String(sum);
        box.classList.toggle("is-wrong", sum !== 100);
        box.querySelector("[data-wrong]").hidden = sum === 100;
    }

    if (inputs.every(Boolean)) {
        inputs.forEach((input) => input.addEventListener("input", show));
        show();
    }
})();
