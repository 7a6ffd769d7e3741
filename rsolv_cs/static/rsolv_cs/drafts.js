/* Keeps what is typed into a form in this browser until the server has it, for the user who typed it alone: it is there
   again after a lost connection, a closed tab or a session that ended. Passwords, codes and files are never kept.
   A draft goes when it is sent (the server names it in a cookie), discarded, a week old, or when its user logs out. */
(() => {
    "use strict";

    const PREFIX = "draft:";
    const MINUTE = 60 * 1000;
    const WEEK = 7 * 24 * 3600 * 1000;
    const NEVER = "[type=password], [type=file], [autocomplete=one-time-code]";
    const UNTYPED = ["hidden", "password", "file", "submit", "button", "reset", "image"];
    const TYPED = ["textarea", "text", "email", "url", "tel"];
    const guarded = new Map();
    const watched = new WeakSet();
    let leaving = null;
    let isLoggedOut = false;

    // --- What is stored -------------------------------------------------------------------------------------------

    function read(key) {
        try {
            return JSON.parse(localStorage.getItem(key));
        } catch {
            return null;
        }
    }

    function store(key, draft) {
        try {
            if (draft) localStorage.setItem(key, JSON.stringify(draft));
            else localStorage.removeItem(key);
        } catch {
            // A full or forbidden storage keeps nothing; the warning before one leaves is still there.
        }
    }

    function drafts() {
        try {
            return Object.keys(localStorage).filter((key) => key.startsWith(PREFIX));
        } catch {
            return [];
        }
    }

    function forgetSentAndOld() {
        const sent = [...document.cookie.matchAll(/(?:^|; )sent-([0-9a-f]{16})=1/g)].map((found) => found[1]);
        for (const key of drafts()) {
            const draft = read(key);
            if (!draft || sent.includes(draft.id) || Date.now() - draft.at > WEEK) store(key, null);
        }
        for (const id of sent) document.cookie = `sent-${id}=; path=/; max-age=0; samesite=strict`;
    }

    const newId = () => [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

    // --- What stands in a form ------------------------------------------------------------------------------------

    const isTick = (field) => field.type === "checkbox" || field.type === "radio";
    const valueOf = (field) => (isTick(field) ? String(field.checked) : field.value);

    function written(field) {
        if (isTick(field)) return String(field.defaultChecked);
        if (field.tagName !== "SELECT") return field.defaultValue;
        return ([...field.options].find((option) => option.defaultSelected) ?? field.options[0])?.value ?? "";
    }

    function fill(field, value) {
        if (isTick(field)) field.checked = value === "true";
        else field.value = value;
        field.dispatchEvent(new Event("change", { bubbles: true }));
    }

    /* The fields by name, and by number where a name comes more than once. */
    function fieldsOf(form) {
        const found = new Map();
        for (const field of form.elements) {
            const isKept = field.name && !field.disabled && !field.readOnly && field.type !== "select-multiple";
            if (!isKept || !["INPUT", "TEXTAREA", "SELECT"].includes(field.tagName) || UNTYPED.includes(field.type)) continue;
            let name = field.name;
            for (let number = 2; found.has(name); number++) name = `${field.name} ${number}`;
            found.set(name, field);
        }
        return found;
    }

    function keyOf(form, owner) {
        // Not form.action, which may be a field of that name.
        const address = new URL(form.getAttribute("action") || location.href, location.href);
        for (const name of ["next", "_changelist_filters"]) address.searchParams.delete(name);
        const about = form.dataset.draft ?? address.searchParams.toString();
        return `${PREFIX}${owner}:${address.pathname}:${about}`;
    }

    // --- A form that is watched -----------------------------------------------------------------------------------

    class Guarded {
        constructor(form, key, fields) {
            Object.assign(this, { form, key, fields });
            this.base = new Map([...fields].map(([name, field]) => [name, written(field)]));
        }

        changed() {
            return [...this.fields].filter(([name, field]) => valueOf(field) !== this.base.get(name));
        }

        get isDirty() {
            return this.changed().some(([, field]) => TYPED.includes(field.type) && valueOf(field).trim());
        }

        save() {
            if (isLoggedOut) return;
            const changed = this.changed();
            const fields = Object.fromEntries(changed.map(([name, field]) => [name, [valueOf(field), this.base.get(name)]]));
            const before = read(this.key);
            if (this.isDirty) store(this.key, { id: before?.id ?? newId(), at: Date.now(), fields });
            else if (before && !this.offered) store(this.key, null);
        }

        /* Puts back what is missing; what the page itself says differently by now is only offered. */
        restore() {
            const draft = read(this.key);
            const offered = [];
            let isBack = false;
            for (const [name, [value, base]] of Object.entries(draft?.fields ?? {})) {
                const field = this.fields.get(name);
                if (!field) continue;
                const now = valueOf(field);
                if (now === value || now === base) this.base.set(name, base);
                if (now === base && value !== base) {
                    fill(field, value);
                    isBack ||= valueOf(field) === value;
                } else if (now !== value) offered.push([name, field, value]);
            }
            // What a template has taken the place of is kept by the page itself.
            const isAside = ([name, , value]) => this.form.elements[`own_${name}`]?.value === value;
            const texts = offered.filter(([, field, value]) => TYPED.includes(field.type) && value.trim());
            const news = texts.filter((one) => !isAside(one));
            this.offered = texts.length > 0;
            if (isBack || news.length) this.tell(draft, news);
        }

        tell(draft, texts) {
            const { lang } = document.documentElement;
            const moment = new Date(draft.at).toLocaleString(lang === "en" ? "en-GB" : lang, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
            const box = make("div", { className: "rsolv draft" });
            const notice = make("div", { className: "notice notice-warning" });
            notice.setAttribute("role", "status");
            const words = texts.length
                ? inWords("You did not send this text of {moment}, and the page says something else by now:", { moment })
                : inWords("Your unsent text of {moment} is back.", { moment });
            notice.append(make("p", { textContent: words }));
            for (const [, , value] of texts) notice.append(make("p", { className: "free-text", textContent: value, dir: "auto" }));
            const tools = make("p", { className: "tools" });
            if (texts.length) {
                tools.append(this.button(inWords("Put it back"), () => texts.forEach(([, field, value]) => fill(field, value)), box));
            }
            tools.append(this.button(inWords("Discard"), () => this.discard(), box));
            notice.append(tools);
            box.append(notice);
            this.form.prepend(box);
            this.form.closest("details")?.setAttribute("open", "");
        }

        button(words, act, box) {
            const button = make("button", { type: "button", className: "button", textContent: words });
            button.addEventListener("click", () => {
                this.offered = false;
                act();
                box.remove();
                this.save();
                [...this.fields.values()].find((field) => TYPED.includes(field.type))?.focus();
            });
            return button;
        }

        drop(draft) {
            const isSame = ([name, [value]]) => this.fields.has(name) && valueOf(this.fields.get(name)) === value;
            if (!Object.entries(draft?.fields ?? {}).every(isSame)) return;
            this.form.querySelector(".draft")?.remove();
            this.discard();
        }

        discard() {
            store(this.key, null);
            for (const [name, field] of this.changed()) fill(field, this.base.get(name));
        }
    }

    const make = (tag, properties) => Object.assign(document.createElement(tag), properties);

    // --- Somebody who writes is at work ---------------------------------------------------------------------------

    let heard = Date.now();

    /* Typing keeps the session alive, and tells at once where it has ended. */
    async function stayLoggedIn(form, address) {
        if (Date.now() - heard < MINUTE) return;
        heard = Date.now();
        try {
            const answer = await fetch(address, { method: "HEAD", cache: "no-store" });
            const isOver = answer.redirected && answer.url.includes("/login/");
            document.querySelector(".logged-out")?.remove();
            if (!isOver) return;
            const box = make("div", { className: "rsolv draft logged-out" });
            const notice = make("p", { className: "notice notice-warning", textContent: inWords("You are logged out. Your text stays here: ") });
            notice.setAttribute("role", "status");
            const link = make("a", { href: answer.url, target: "_blank", rel: "noopener", textContent: inWords("log in, in a new tab") });
            link.search = new URLSearchParams({ next: location.pathname + location.search });
            notice.append(link, inWords(", then go on."));
            box.append(notice);
            form.prepend(box);
        } catch {
            // Without a connection there is nobody to ask.
        }
    }

    // --- A page ---------------------------------------------------------------------------------------------------

    function watch(form, owner) {
        if (watched.has(form)) return;
        watched.add(form);
        if (form.method !== "post" || form.dataset.draft === "off" || form.querySelector(NEVER)) return;
        const fields = fieldsOf(form);
        const key = keyOf(form, owner);
        const hasText = [...fields.values()].some((field) => TYPED.includes(field.type));
        // The preview of a letter has the text in hidden fields, and sends the same draft.
        if (!hasText && !form.dataset.draft) return;
        form.addEventListener("formdata", (event) => {
            const draft = read(key);
            if (draft) event.formData.append("draft", draft.id);
        });
        if (!hasText) return;
        const one = new Guarded(form, key, fields);
        guarded.set(form, one);
        one.restore();
    }

    function start() {
        forgetSentAndOld();
        const meta = document.querySelector('meta[name="draft-owner"]');
        const owner = meta?.content;
        if (!owner) return;
        let timer;
        const saveAll = () => guarded.forEach((one) => one.save());
        const watchAll = () => [...document.forms].forEach((form) => watch(form, owner));
        watchAll();
        // A refresh swaps parts of a page, but none with something typed.
        document.addEventListener("htmx:afterSettle", () => {
            for (const form of guarded.keys()) if (!form.isConnected) guarded.delete(form);
            watchAll();
        });
        for (const kind of ["input", "change"]) {
            document.addEventListener(kind, (event) => {
                const one = guarded.get(event.target.form);
                if (!one) return;
                leaving = null;
                isLoggedOut = false;
                clearTimeout(timer);
                timer = setTimeout(() => one.save(), 300);
                stayLoggedIn(one.form, meta.dataset.alive);
            });
        }
        document.addEventListener("submit", (event) => {
            saveAll();
            leaving = event.target;
            const key = guarded.get(leaving)?.key;
            if (key && read(key)) history.replaceState({ ...history.state, sent: key }, "");
            if (new URL(event.target.getAttribute("action") || "", location.href).pathname.endsWith("/logout/")) {
                isLoggedOut = true;
                for (const key of drafts()) if (key.startsWith(`${PREFIX}${owner}:`)) store(key, null);
            }
        });
        window.addEventListener("pagehide", saveAll);
        document.addEventListener("visibilitychange", () => document.hidden && saveAll());
        window.addEventListener("beforeunload", (event) => {
            if ([...guarded.values()].some((one) => one.form !== leaving && one.isDirty)) event.preventDefault();
        });
        // What another tab has sent or discarded is not offered here once more.
        window.addEventListener("storage", (event) => {
            if (event.newValue !== null) return;
            for (const one of guarded.values()) if (one.key === event.key) one.drop(JSON.parse(event.oldValue));
        });
        // By the back button a browser shows what stood in the form, though it may have been sent meanwhile.
        window.addEventListener("pageshow", (event) => {
            if (event.persisted) forgetSentAndOld();
            const sent = [...guarded.values()].find((one) => one.key === history.state?.sent);
            if (sent && !read(sent.key)) sent.form.reset();
            leaving = null;
        });
    }

    if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
    else start();
})();
