/* Follows what changes by a socket, which only says that something has: the page then asks for itself, see refresh.js.
   The mark says whether it does; without the socket the page asks every minute. Nobody who looks elsewhere has one. */
(() => {
    "use strict";

    const NOT_ALLOWED = 4401;
    const TOO_MANY = 4429;
    const MOST_SECONDS = 60;
    const WORDS = {
        live: ["Live", "Changes show within seconds"],
        polling: ["Every minute", "Changes are looked for every minute"],
        offline: ["Offline", "The server cannot be reached; this page tries again by itself"],
    };
    const mark = document.getElementById("live-mark");
    const button = document.getElementById("refresh");
    // For those who do not see the dot.
    const label = document.createElement("span");
    label.className = "visually-hidden";
    label.textContent = inWords("Updates: ");
    const address = `${location.protocol.replace("http", "ws")}//${location.host}${mark.dataset.socket}`;
    let socket = null;
    let isTold = false;
    let isReached = true;
    let isOver = false;
    let seconds = 1;
    let timer = 0;

    function show() {
        const state = isOver ? "" : !isReached ? "offline" : isTold ? "live" : "polling";
        if (mark.dataset.state === state) return;
        mark.dataset.state = state;
        const [word, what] = WORDS[state] ?? ["", ""];
        mark.title = inWords(what);
        mark.replaceChildren(...(word ? [label, inWords(word)] : []));
    }

    /* What is told may say, behind the state's name, how far a replica must be to have it. */
    const ask = (told = "") =>
        button.dispatchEvent(new CustomEvent("changed", { detail: told.split(" ")[1] }));

    function open() {
        clearTimeout(timer);
        timer = 0;
        if (socket || isOver || document.hidden) return;
        const ours = new WebSocket(address);
        socket = ours;
        ours.addEventListener("message", ({ data }) => {
            seconds = 1;
            isTold = true;
            ask(data);
            show();
        });
        ours.addEventListener("close", ({ code }) => {
            if (socket !== ours) return;
            const wasTold = isTold;
            socket = null;
            isTold = false;
            if (code === TOO_MANY) seconds = MOST_SECONDS;
            openLater();
            // The answer tells whether the server is gone, or somebody is logged out.
            if (wasTold || code === NOT_ALLOWED) ask();
            else show();
        });
    }

    /* After 1 to 60 seconds, not all pages at once. */
    function openLater() {
        clearTimeout(timer);
        timer = setTimeout(open, Math.min(seconds * (1 + Math.random()), MOST_SECONDS) * 1000);
        seconds = Math.min(seconds * 2, MOST_SECONDS);
    }

    function close() {
        const ours = socket;
        socket = null;
        isTold = false;
        clearTimeout(timer);
        timer = 0;
        ours?.close();
    }

    button.addEventListener("refreshed", ({ detail }) => {
        isReached = detail === "ok" || detail === "refused";
        isOver = detail === "logged out";
        if (isOver) close();
        else if (!socket && !timer) openLater();
        show();
    });
    document.addEventListener("visibilitychange", () => {
        seconds = 1;
        if (document.hidden) close();
        else open();
    });
    open();
})();
