/* Reads the page again every minute, when it is looked at again, by its button, and when live.js says that something
   has changed, but not while nobody looks. Only the regions that are not as they were are swapped, so that scroll,
   focus, open menus and what is half typed stay; 304 swaps nothing. */
(() => {
    "use strict";

    const button = document.getElementById("refresh");
    const content = document.getElementById("content");
    const said = document.getElementById("refreshed");
    const news = document.getElementById("refresh-news");
    const { regions } = document.querySelector("[data-regions]").dataset;
    const selectors = regions.split("|").map((selector) => selector.trim());
    // Two answers differ in them even where nothing has changed.
    const KEYS = /<input type="hidden" name="(csrfmiddlewaretoken|form_key)"[^>]*>/g;
    const written = (region) => region?.outerHTML.replace(KEYS, "");
    // As the server wrote them, before charts are drawn and menus opened.
    const known = new Map(selectors.map((selector) => [selector, written(content.querySelector(selector))]));
    // A page that is heavy, or a server that is busy, is asked less often, however often something changes.
    const REST = 1000;
    const REST_FOR_EACH = 10;
    let tag = button.dataset.tag;
    let every = Number(button.dataset.seconds) * 1000;
    let due = Date.now() + every;
    let rested = 0;
    let began = 0;
    let last = said.dataset.time;
    let asked = false;
    let told = null;

    const clock = () =>
        new Date().toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: said.dataset.zone });

    // The same words again would be read out again.
    const announce = (words) => {
        if (news.textContent !== words || asked) news.textContent = words;
    };

    function succeed(isNew) {
        last = clock();
        said.textContent = inWords("Updated {time}", { time: last });
        said.classList.remove("is-late");
        document.getElementById("log-in").hidden = true;
        // Once a minute is too often to be told that nothing happened.
        if (isNew || asked) announce(inWords(isNew ? "Updated {time}" : "Nothing new at {time}", { time: last }));
        tell("ok");
    }

    function fail(isLoggedOut, why = "") {
        const words = isLoggedOut ? "Not refreshed since {time}: logged out" : why || "Not refreshed since {time}";
        said.textContent = inWords(words, { time: last });
        if (!said.classList.contains("is-late") || asked) announce(said.textContent);
        said.classList.add("is-late");
        document.getElementById("log-in").hidden = !isLoggedOut;
        tell(isLoggedOut ? "logged out" : why ? "refused" : "failed");
    }

    /* For live.js: how an answer was. */
    const tell = (outcome) => button.dispatchEvent(new CustomEvent("refreshed", { detail: outcome }));

    function isFilledIn(field) {
        if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
        if (field.type === "file") return field.files.length > 0;
        if (!field.options) return field.value !== field.defaultValue;
        const chosen = [...field.options].filter((option) => option.defaultSelected);
        // A menu without a choice of the server's shows its first one.
        return field.value !== (chosen.at(-1) ?? field.options[0])?.value && !field.multiple;
    }

    /* Whether somebody is filling in something there. */
    const isInUse = (region) =>
        [...region.querySelectorAll("input:not([type=hidden]), select, textarea")].some(
            (field) => field === document.activeElement || isFilledIn(field),
        );

    /* Where in a region an element is, by the nearest id: a list may have other rows afterwards. */
    const home = (region, element) => {
        const near = element.closest("[id]");
        return near && near !== region && region.contains(near) ? `#${CSS.escape(near.id)}` : null;
    };
    const menus = (region) => {
        const seen = new Map();
        return [...region.querySelectorAll("details")].map((details) => {
            const near = home(region, details) ?? "";
            seen.set(near, (seen.get(near) ?? 0) + 1);
            return [`${near} ${seen.get(near)}`, details];
        });
    };
    const boxes = (region) => [region, ...region.querySelectorAll(".table-box")];
    const twins = (region, element) =>
        [...region.querySelectorAll(element.tagName)].filter(
            (other) => other.getAttribute("href") === element.getAttribute("href"),
        );

    function replace(region, fresh) {
        const open = new Map(menus(region).map(([name, details]) => [name, details.open]));
        const scrolled = boxes(region).map((box) => [box.scrollLeft, box.scrollTop]);
        const focus = region.contains(document.activeElement) ? document.activeElement : null;
        const near = focus && home(region, focus);
        const place = focus && focus !== region ? twins(near ? region.querySelector(near) : region, focus).indexOf(focus) : -1;
        region.replaceWith(fresh);
        for (const [name, details] of menus(fresh)) details.open = open.get(name) ?? details.open;
        boxes(fresh).forEach((box, number) => { [box.scrollLeft, box.scrollTop] = scrolled[number] ?? [0, 0]; });
        if (focus) {
            const around = near ? fresh.querySelector(near) : fresh;
            const isItself = focus === region || (focus.id && around?.id === focus.id);
            const again = isItself ? around : around && twins(around, focus)[place];
            // Where it is gone, the region keeps the focus.
            if (!again) fresh.tabIndex = -1;
            (again ?? fresh).focus({ preventScroll: true });
        }
    }

    /* The swap: gives the new elements, so that htmx settles them and charts.js draws. */
    function swap(page) {
        const inSight = selectors
            .map((selector) => [selector, content.querySelector(selector)?.getBoundingClientRect()])
            .find(([, box]) => box && box.bottom > 0 && box.height);
        const swapped = [];
        let isWhole = true;
        for (const selector of selectors) {
            const region = content.querySelector(selector);
            const fresh = page.querySelector(selector);
            if (written(fresh) === known.get(selector)) continue;
            if (region && isInUse(region)) {
                isWhole = false;
                continue;
            }
            known.set(selector, written(fresh));
            if (!fresh && region?.contains(document.activeElement)) button.focus({ preventScroll: true });
            if (!fresh) region?.remove();
            else if (region) replace(region, fresh);
            else content.querySelector(selectors[selectors.indexOf(selector) - 1])?.after(fresh);
            if (fresh) swapped.push(fresh);
        }
        if (inSight) {
            const moved = (content.querySelector(inSight[0])?.getBoundingClientRect() ?? inSight[1]).top - inSight[1].top;
            if (moved) window.scrollBy(0, moved);
        }
        return [swapped, isWhole];
    }

    let swapped = { elements: [], isWhole: true };
    window.htmx.defineExtension("regions", {
        handleSwap(style, _target, page, settling) {
            if (style !== "regions") return false;
            const [elements, isWhole] = swap(page);
            swapped = { elements, isWhole };
            settling.elts.push(...elements);
            return elements;
        },
    });

    button.addEventListener("htmx:configRequest", (event) => {
        began = Date.now();
        due = began + every;
        asked = event.detail.triggeringEvent?.type === "click";
        if (tag) event.detail.headers["If-None-Match"] = tag;
        if (told) event.detail.headers["X-Told"] = told;
        // A page that refreshes itself is nobody at work: the server logs out who does nothing for long.
        if (!asked) event.detail.headers["X-Automatic"] = "1";
    });
    const isOurs = (xhr) => xhr.status === 200 && /id="refresh"[^>]*data-seconds="/.test(xhr.responseText);
    // htmx tells the target, not the button, of what comes back.
    content.addEventListener("htmx:beforeSwap", (event) => {
        const { xhr, requestConfig } = event.detail;
        if (requestConfig.elt !== button) return;
        rested = Date.now() + REST + REST_FOR_EACH * (Date.now() - began);
        event.detail.shouldSwap = isOurs(xhr);
        if (xhr.status === 304) succeed(false);
        else if (xhr.status === 403) fail(false, "Not refreshed since {time}: no access any more");
        else if (!isOurs(xhr)) fail(new URL(xhr.responseURL || location.href).pathname !== location.pathname);
    });
    button.addEventListener("htmx:afterOnLoad", (event) => {
        const { xhr, requestConfig } = event.detail;
        if (requestConfig.elt !== button || !isOurs(xhr)) return;
        // How often a page asks may change with what it shows.
        every = Number(/id="refresh"[^>]*data-seconds="(\d+)"/.exec(xhr.responseText)[1]) * 1000;
        due = Math.min(due, Date.now() + every);
        tag = swapped.isWhole ? xhr.getResponseHeader("ETag") : null;
        succeed(swapped.elements.length > 0);
    });
    for (const name of ["htmx:sendError", "htmx:sendAbort", "htmx:timeout"]) button.addEventListener(name, () => fail(false));

    const look = () => {
        const isBusy = button.classList.contains("htmx-request");
        if (!document.hidden && !isBusy && Date.now() >= Math.max(due, rested)) window.htmx.trigger(button, "refresh");
    };
    const lookNow = () => {
        due = 0;
        look();
    };
    setInterval(look, 1000);
    document.addEventListener("visibilitychange", lookNow);
    button.addEventListener("changed", ({ detail }) => {
        told = detail ?? told;
        lookNow();
    });
})();
