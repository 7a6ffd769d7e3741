/* The head of a printed page tells when it was printed, not when it was opened. */
(() => {
    "use strict";

    addEventListener("beforeprint", () => {
        const time = document.querySelector(".printed time");
        if (!time) return;
        const now = new Date();
        const parts = new Intl.DateTimeFormat("en-US", {
            day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
            timeZone: time.dataset.zone,
        }).formatToParts(now);
        const part = (type) => parts.find((one) => one.type === type).value;
        time.dateTime = now.toISOString();
        time.textContent = `${part("day")} ${part("month")} ${part("year")}, ${part("hour")}:${part("minute")}`;
    });
})();
