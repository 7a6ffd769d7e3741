/* Find anything: the palette by its button, Ctrl+K or /; the list of keys by ?; a page by g and a letter. What is found
   comes from the server as HTML. Without this script the button leads to a page that finds the same. */
(() => {
    "use strict";

    const AFTER_TYPING = 100;
    const SLOW = 1_500;
    const SEQUENCE = 1_500;

    class Palette {
        constructor(dialog) {
            this.dialog = dialog;
            this.form = dialog.querySelector("form");
            this.field = dialog.querySelector("input");
            this.list = dialog.querySelector(".find-list");
            this.said = dialog.querySelector(".find-said");
            this.isPending = false;
            this.field.addEventListener("input", () => this.askSoon());
            this.field.addEventListener("keydown", (event) => this.press(event));
            this.form.addEventListener("submit", (event) => event.preventDefault());
            this.list.addEventListener("pointermove", (event) => this.select(event.target.closest("[role=option]"), false));
            dialog.addEventListener("close", () => this.stop());
        }

        open() {
            this.field.value = "";
            this.list.replaceChildren();
            this.dialog.showModal();
            this.field.focus();
            this.ask();
        }

        stop() {
            clearTimeout(this.timer);
            clearTimeout(this.slow);
            this.request?.abort();
            this.isPending = false;
        }

        askSoon() {
            this.stop();
            this.isPending = true;
            this.opens = null;
            this.timer = setTimeout(() => this.ask(), AFTER_TYPING);
        }

        async ask() {
            this.stop();
            this.isPending = true;
            const request = (this.request = new AbortController());
            this.slow = setTimeout(() => this.say(inWords("Still searching…")), SLOW);
            const address = `${this.form.action}?${new URLSearchParams({ q: this.field.value, part: "1" })}`;
            try {
                const answer = await fetch(address, { signal: request.signal });
                if (answer.redirected) throw new Error(inWords("You are logged out. Log in again to search."));
                if (!answer.ok) throw new Error(inWords("The search failed. Try again."));
                this.show(await answer.text());
            } catch (error) {
                if (request.signal.aborted) return;
                this.list.replaceChildren();
                this.field.removeAttribute("aria-activedescendant");
                this.say(error instanceof TypeError ? inWords("No connection. Check the network and try again.") : error.message);
            }
            this.stop();
        }

        show(html) {
            this.list.innerHTML = html;
            this.list.scrollTop = 0;
            this.say(this.list.firstElementChild.dataset.said);
            this.select(this.options[0]);
            if (this.opens) this.follow(this.opens);
        }

        say(words) {
            this.said.textContent = words;
        }

        get options() {
            return [...this.list.querySelectorAll("[role=option]")];
        }

        get selected() {
            return this.list.querySelector("[aria-selected=true]");
        }

        select(option, isScrolled = true) {
            if (option === this.selected) return;
            if (!option && this.options.length) return;
            this.selected?.setAttribute("aria-selected", "false");
            option?.setAttribute("aria-selected", "true");
            if (option) this.field.setAttribute("aria-activedescendant", option.id);
            else this.field.removeAttribute("aria-activedescendant");
            if (isScrolled) option?.scrollIntoView({ block: "nearest" });
        }

        move(step) {
            const { options } = this;
            if (options.length) this.select(options[(options.indexOf(this.selected) + step + options.length) % options.length]);
        }

        press(event) {
            if (event.isComposing) return;
            const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
            if (step) this.move(step);
            else if (event.key === "Enter") this.follow(event);
            else return;
            event.preventDefault();
        }

        /* Opens what is selected: once it is there, where the answer to the last letter is still on its way. */
        follow({ ctrlKey, metaKey }) {
            this.opens = this.isPending && this.opens === null ? { ctrlKey, metaKey } : null;
            if (this.opens) return;
            const address = this.selected?.href;
            if (!address) return;
            if (ctrlKey || metaKey) window.open(address, "_blank", "noopener");
            else location.assign(address);
        }
    }

    // --- Keys -----------------------------------------------------------------------------------------------------

    const KEYED = "input:not([type=checkbox], [type=radio], [type=button], [type=submit]), textarea, select, [contenteditable]";
    const SEARCH = "#searchbar, main.rsolv input[name=q]:not([type=hidden])";

    function start() {
        const dialog = document.getElementById("find");
        if (!dialog) return;
        const keys = document.getElementById("shortcuts");
        const palette = new Palette(dialog);
        const goTo = JSON.parse(dialog.dataset.goTo);
        const hasShortcuts = "shortcuts" in dialog.dataset;
        let afterG = 0;

        async function showKeys() {
            const list = keys.querySelector(".find-list");
            if (!list.firstElementChild) {
                const answer = await fetch(`${keys.dataset.from}?part=1`).catch(() => null);
                if (!answer?.ok || answer.redirected) return location.assign(keys.dataset.from);
                list.innerHTML = await answer.text();
            }
            if (!document.querySelector("dialog:modal")) keys.showModal();
        }

        function search() {
            const field = [...document.querySelectorAll(SEARCH)].find((one) => one.checkVisibility());
            if (!field) return palette.open();
            field.focus();
            field.select();
        }

        /* What a single key does; nothing while somebody types or a dialog is open. */
        function act(event) {
            const isSecond = Date.now() - afterG < SEQUENCE;
            afterG = 0;
            if (isSecond && goTo[event.key]) location.assign(goTo[event.key]);
            else if (event.key === "g") afterG = Date.now();
            else if (event.key === "?") showKeys();
            else if (event.key === "/") search();
            else return;
            event.preventDefault();
        }

        // Before unfold's own listeners, one of which knows / as well.
        document.addEventListener("keydown", (event) => {
            if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key?.toLowerCase() === "k") {
                event.preventDefault();
                if (dialog.open) dialog.close();
                else if (!document.querySelector("dialog:modal")) palette.open();
                return;
            }
            const hasModifier = event.ctrlKey || event.metaKey || event.altKey;
            // The field of a dialog that has just been closed keeps the focus until the next frame.
            const isTyping = event.target.closest?.(KEYED)?.checkVisibility();
            if (hasModifier || event.repeat || event.isComposing || isTyping) return;
            if (document.querySelector("dialog:modal")) return;
            if (event.key === "/") event.stopPropagation();
            if (hasShortcuts) act(event);
        }, true);

        for (const each of [dialog, keys]) {
            each.querySelector(".find-close").addEventListener("click", () => each.close());
            each.addEventListener("click", (event) => event.target === each && each.close());
        }
        document.addEventListener("click", (event) => {
            if (event.ctrlKey || event.metaKey || event.shiftKey) return;
            const link = event.target.closest?.("a");
            if (link?.id === "find-open") palette.open();
            else if (link?.getAttribute("href") === keys.dataset.from) showKeys();
            else return;
            event.preventDefault();
        });
        const isMac = /Mac|iPhone|iPad/.test(navigator.platform);
        if (isMac) for (const kbd of document.querySelectorAll(".find-open kbd")) kbd.textContent = "⌘ K";
    }

    if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
    else start();
})();
