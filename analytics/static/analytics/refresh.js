/* Reads the dashboard again every minute and by its button, but not while nobody looks. Only the regions that are not
   as they were are swapped, so that scroll, focus, open menus and half-typed filters stay; 304 swaps nothing. */
(() => {
    "use strict";

    const button = document.getElementById("refresh");
    const board = document.getElementById("dashboard");
    const said = document.getElementById("refreshed");
    const news = document.getElementById("refresh-news");
    const selectors = board.dataset.regions.split("|").map((selector) => selector.trim());
    const every = Number(button.dataset.seconds) * 1000;
    // As the server wrote them, before charts are drawn and menus opened.
    const known = new Map(selectors.map((selector) => [selector, board.querySelector(selector)?.outerHTML]));
    let tag = button.dataset.tag;
    let due = Date.now() + every;
    let last = said.textContent.replace("Updated ", "");
    let asked = false;

    const clock = () =>
        new Date().toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: said.dataset.zone });

    function succeed(isNew) {
        last = clock();
        said.textContent = `Updated ${last}`;
        said.classList.remove("is-late");
        document.getElementById("log-in").hidden = true;
        // Once a minute is too often to be told that nothing happened.
        if (isNew || asked) news.textContent = isNew ? `Updated ${last}` : `Nothing new at ${last}`;
    }

    function fail(isLoggedOut) {
        said.textContent = `Not refreshed since ${last}${isLoggedOut ? ": logged out" : ""}`;
        if (!said.classList.contains("is-late") || asked) news.textContent = said.textContent;
        said.classList.add("is-late");
        document.getElementById("log-in").hidden = !isLoggedOut;
    }

    /* Whether somebody is filling in something there. */
    const isInUse = (region) =>
        [...region.querySelectorAll("input:not([type=hidden]), select, textarea")].some(
            (field) =>
                field === document.activeElement ||
                (field.type === "checkbox" ? field.checked !== field.defaultChecked : field.value !== (field.defaultValue ?? field.value)),
        );

    const boxes = (region) => [region, ...region.querySelectorAll(".table-box")];
    const twins = (region, element) =>
        [...region.querySelectorAll(element.tagName)].filter(
            (other) => other.getAttribute("href") === element.getAttribute("href"),
        );

    function replace(region, fresh) {
        const open = [...region.querySelectorAll("details")].map((details) => details.open);
        const scrolled = boxes(region).map((box) => [box.scrollLeft, box.scrollTop]);
        const focus = region.contains(document.activeElement) ? document.activeElement : null;
        const place = focus && focus !== region ? twins(region, focus).indexOf(focus) : -1;
        region.replaceWith(fresh);
        fresh.querySelectorAll("details").forEach((details, number) => { details.open = open[number] ?? details.open; });
        boxes(fresh).forEach((box, number) => { [box.scrollLeft, box.scrollTop] = scrolled[number] ?? [0, 0]; });
        if (focus) {
            const again = focus === region ? fresh : (focus.id && fresh.querySelector(`#${CSS.escape(focus.id)}`)) || twins(fresh, focus)[place];
            // Where it is gone, the region keeps the focus.
            if (!again) fresh.tabIndex = -1;
            (again ?? fresh).focus({ preventScroll: true });
        }
    }

    /* The swap: gives the new elements, so that htmx settles them and charts.js draws. */
    function swap(page) {
        const inSight = selectors
            .map((selector) => [selector, board.querySelector(selector)?.getBoundingClientRect()])
            .find(([, box]) => box && box.bottom > 0 && box.height);
        const swapped = [];
        let isWhole = true;
        for (const selector of selectors) {
            const region = board.querySelector(selector);
            const fresh = page.querySelector(selector);
            if (fresh?.outerHTML === known.get(selector)) continue;
            if (region && isInUse(region)) {
                isWhole = false;
                continue;
            }
            known.set(selector, fresh?.outerHTML);
            if (!fresh && region?.contains(document.activeElement)) button.focus({ preventScroll: true });
            if (!fresh) region?.remove();
            else if (region) replace(region, fresh);
            else board.querySelector(selectors[selectors.indexOf(selector) - 1])?.after(fresh);
            if (fresh) swapped.push(fresh);
        }
        if (inSight) {
            const moved = (board.querySelector(inSight[0])?.getBoundingClientRect() ?? inSight[1]).top - inSight[1].top;
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
        due = Date.now() + every;
        asked = event.detail.triggeringEvent?.type === "click";
        if (tag) event.detail.headers["If-None-Match"] = tag;
        // A page that refreshes itself is nobody at work: the server logs out who does nothing for long.
        if (!asked) event.detail.headers["X-Automatic"] = "1";
    });
    // htmx tells the target, not the button, of what comes back.
    board.addEventListener("htmx:beforeSwap", (event) => {
        const { xhr, requestConfig } = event.detail;
        if (requestConfig.elt !== button) return;
        const isOurs = xhr.status === 200 && xhr.responseText.includes('id="dashboard"');
        event.detail.shouldSwap = isOurs;
        if (xhr.status === 304) succeed(false);
        else if (!isOurs) fail(new URL(xhr.responseURL || location.href).pathname !== location.pathname);
    });
    button.addEventListener("htmx:afterOnLoad", (event) => {
        const { xhr, requestConfig } = event.detail;
        if (xhr.status !== 200 || requestConfig.elt !== button || !xhr.responseText.includes('id="dashboard"')) return;
        tag = swapped.isWhole ? xhr.getResponseHeader("ETag") : null;
        succeed(swapped.elements.length > 0);
    });
    for (const name of ["htmx:sendError", "htmx:sendAbort", "htmx:timeout"]) button.addEventListener(name, () => fail(false));

    const look = () => {
        if (!document.hidden && Date.now() >= due) window.htmx.trigger(button, "refresh");
    };
    setInterval(look, 1000);
    document.addEventListener("visibilitychange", look);
})();
