"use strict";
// The sum of the maximum points follows what is typed. Without this script it is that of the stored policy.
document.addEventListener("DOMContentLoaded", () => {
    const box = document.querySelector("[data-maxima]");
    if (!box) {
        return;
    }
    const times = JSON.parse(box.dataset.maxima);
    const inputs = Object.keys(times).map((name) => document.getElementById(`id_${name}`));

    function show() {
        const points = inputs.map((input) => (Number.parseInt(input.value, 10) || 0) * times[input.name]);
        const sum = points.reduce((one, other) => one + other, 0);
        box.querySelector("[data-parts]").textContent = points.join(" + ");
        box.querySelector("[data-total]").textContent = String(sum);
        box.querySelector("[data-wrong]").hidden = sum === 100;
        box.classList.toggle("is-wrong", sum !== 100);
    }

    inputs.forEach((input) => input.addEventListener("input", show));
    show();
});
